"""Something that watches from a process of its own: its descriptors and time are not the test's."""

import multiprocessing


class SideProcess:
    """Runs `run(pipe, *arguments)` in a fork; it ends with the `with`, or by close().

    What goes over the pipe is between the two, but for a text from the process: that says what went
    wrong there. The process begins with the object: before the test has connections of its own,
    which it would hold open.
    """

    def __init__(self, run, *arguments):
        fork = multiprocessing.get_context("fork")
        self._pipe, pipe = fork.Pipe()
        self._process = fork.Process(target=run, args=(pipe, *arguments), daemon=True)
        self._process.start()
        pipe.close()

    def ask(self, question):
        """Sends it; returns the answer."""
        self._pipe.send(question)
        return self.answer()

    def answer(self):
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise AssertionError(f"the process of a {type(self).__name__} died") from None
        if isinstance(answer, str):
            raise AssertionError(f"a {type(self).__name__} was disturbed: {answer}")
        return answer

    def close(self):
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
