"""Runs a program that may not make a certain system call, as a container's rules have it.

    python forbid.py ERRNO CALL LEAST PROGRAM ARGUMENT…

From then on a call of that number whose second argument is at least LEAST fails with this error.
"""

import ctypes
import os
import struct
import sys

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
FAIL = 0x00050000  # with the error in the low bits
LOAD, IF_EQUAL, IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, SECOND_ARGUMENT = 0, 24  # offsets in struct seccomp_data

IO_URING_SETUP = 425  # on every architecture
IO_URING_ENTER = 426


def command(error, call, least=0):
    """The words to put before a command."""
    return [sys.executable, os.path.abspath(__file__), str(error), str(call), str(least)]


def forbid(error, call, least):
    steps = [
        (LOAD, 0, 0, NUMBER),
        (IF_EQUAL, 0, 3, call),
        (LOAD, 0, 0, SECOND_ARGUMENT),
        (IF_AT_LEAST, 0, 1, least),
        (RETURN, 0, 0, FAIL | error),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for call_arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0),
    ):
        if libc.prctl(*call_arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    forbid(*map(int, sys.argv[1:4]))
    os.execvp(sys.argv[4], sys.argv[4:])
