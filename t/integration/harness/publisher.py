"""Messages that keep coming while a test does something else."""

import itertools
import threading
import time

import redis as redis_package

# A message may be on its way for so long before a stream has to have it; a busy machine is slow.
UNDERWAY = 0.5  # seconds


class Publisher:
    """A thread that publishes 0, 1, 2, … on a channel, and waits out a Redis that is away."""

    def __init__(self, redis, channel, interval=0.01):
        self._client = redis.make_client()
        self._channel = channel
        self._interval = interval
        self._moments = []  # of each number: when it was sent, when Redis had taken it or None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        self._client.close()

    def taken(self):
        """How many messages Redis has taken."""
        return sum(taken is not None for _, taken in self._moments)

    def missed(self, texts, begin, end):
        """The numbers that a stream lacks, which was open from `begin` to `end` (time.time()).

        Raises when it got one twice, out of order, or never published.
        """
        numbers = [int(text) for text in texts]
        assert numbers == sorted(set(numbers)), f"not once and in order: {numbers}"
        assert not numbers or numbers[-1] < len(self._moments), f"never published: {numbers}"
        last = numbers[-1] if numbers else -1
        got = set(numbers)
        return [
            number
            for number, (sent, taken) in enumerate(self._moments)
            if taken is not None and sent >= begin
            if (number < last or taken < end - UNDERWAY) and number not in got
        ]

    def _run(self):
        for number in itertools.count():
            sent = time.time()
            self._moments.append((sent, None))
            try:
                self._client.execute_command("PUBLISH", self._channel, str(number))
                self._moments[-1] = (sent, time.time())
            except redis_package.RedisError:
                pass  # who knows whether it has arrived
            if self._stopped.wait(self._interval):
                return
