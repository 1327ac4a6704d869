"""Runs what stands in a ```console block, and compares its output with what stands there."""

import os
import re
import subprocess
from typing import NamedTuple

from harness import wait_until

# What differs from run to run.
VARYING = {
    r"retry: \d+": r"retry: \\d+",
    r"\b\d+\\\.\d{3}\b": r"\\d+\\.\\d{3}",
    r'"\d{4}\\-\d\d\\-\d\dT[\d:]+\\.\d{3}Z"': r'"\\d{4}-\\d\\d-\\d\\dT[\\d:]+\\.\\d{3}Z"',
    r'"(connection|bytes)":\d+': r'"\1":\\d+',
    r"id: s[\w\\-]+": r"id: s[\\w-]+",
}


class Command(NamedTuple):
    line: str
    output: str

    @property
    def is_assignment(self):
        """Whether it gives a variable of the shell a value."""
        return re.match(r"\w+=", self.line) is not None

    @property
    def is_stream(self):
        """Whether it goes on until it is stopped."""
        return self.line.startswith("curl -N ")

    @property
    def is_entry(self):
        """Whether its output is the id of an entry."""
        return self.line.startswith("redis-cli XADD ")

    def accepts(self, output):
        pattern = re.escape(self.output).replace("\\ ", " ")
        for varying, replacement in VARYING.items():
            pattern = re.sub(varying, replacement, pattern)
        return re.fullmatch(pattern, output) is not None


def commands(text):
    """The commands of a block with the output that follows each."""
    found = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return [Command(line, output) for line, output in found]


class Console:
    """A terminal, or several: every stream has one of its own."""

    def __init__(self, directory, replacements):
        self.directory = directory
        self.replacements = replacements
        self.streams = []
        self.assignments = []  # every command has a shell of its own, and begins with those before it

    def run(self, command):
        """Runs a command to its end; its output must be the README's."""
        if command.is_assignment:
            self.assignments.append(self._filled(command))
        if command.line.startswith("tail "):  # a log may be a moment late
            wait_until(lambda: command.accepts(self._output(command)), f"$ {command.line}\n{command.output}")
            return
        output = self._output(command)
        if command.is_entry:
            self._note_id(command, output)
        command = command._replace(output=self._replaced(command.output))
        assert command.accepts(output), f"$ {command.line}\n{output}\ninstead of\n{command.output}"

    def _note_id(self, command, output):
        """From now on the document's id of an entry stands for the one that Redis has chosen."""
        shown, given = (re.fullmatch(r'"(\d+-\d+)"\n', text) for text in (command.output, output))
        if shown and given:
            self.replacements[shown.group(1)] = given.group(1)

    def start_stream(self, command):
        """Starts a command that goes on, and waits until it has said something."""
        path = self.directory / f"stream{len(self.streams)}.txt"
        with open(path, "wb") as output:
            # Not stderr: curl shows its progress there when its output goes to a file.
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self._filled(command)}"], stdout=output, stderr=subprocess.DEVNULL
            )
        self.streams.append((command, process, path))
        wait_until(lambda: path.stat().st_size, f"$ {command.line}: first output")

    def check_streams(self):
        """Waits until every stream has shown what the README shows."""
        for command, _, path in self.streams:
            command = command._replace(output=self._replaced(command.output))
            try:
                wait_until(lambda: command.accepts(path.read_text()), f"$ {command.line}\n{command.output}")
            except AssertionError as error:
                raise AssertionError(f"{error}\nbut\n{path.read_text()}") from None

    def close(self):
        for _, process, _ in self.streams:
            process.terminate()
            process.wait()

    def _output(self, command):
        # redis-cli shows (integer) 1 to a terminal only; FAKETTY makes it believe in one.
        result = subprocess.run(
            ["bash", "-c", "\n".join([*self.assignments, self._filled(command)])],
            env={**os.environ, "FAKETTY": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=30,
        )
        return result.stdout.decode().replace("\r\n", "\n")

    def _filled(self, command):
        return self._replaced(command.line)

    def _replaced(self, text):
        for shown, replacement in self.replacements.items():
            text = text.replace(shown, replacement)
        return text
