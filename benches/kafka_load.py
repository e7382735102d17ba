"""Load for a broker: the lines of an audit log, again and again, with times and audit ids of their own.

Each line is cut up once at the places that change, so a message costs a join and not a search: one core makes some hundred thousand a
second. A line has the same new id wherever its old one stands, so the stages of a request still belong together.
"""

import re
import time
from calendar import timegm
from datetime import datetime

PLACE = re.compile(rb'(?<="auditID":")[^"]{8}|(?<="requestReceivedTimestamp":")[^"]+|(?<="stageTimestamp":")[^"]+')


def micros(text):
    """A time of the log in microseconds since 1970."""
    at = datetime.fromisoformat(text.decode().replace("Z", "+00:00"))
    return timegm(at.utctimetuple()) * 1_000_000 + at.microsecond


class Clock:
    """Times as text; a second is formatted once."""

    def __init__(self):
        self.second, self.head = None, b""

    def text(self, at_us):
        second, rest = divmod(at_us, 1_000_000)
        if second != self.second:
            self.second, self.head = second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()
        return b"%s%06dZ" % (self.head, rest)


class Line:
    """A line of the log, cut up."""

    def __init__(self, line):
        self.parts, self.ids, self.times, end = [], [], [], 0
        for match in PLACE.finditer(line):
            self.parts += [line[end : match.start()], match.group()]
            end = match.end()
            at = len(self.parts) - 1
            if len(match.group()) == 8:
                self.ids.append(at)
            else:
                self.times.append((at, micros(match.group())))
        self.parts.append(line[end:])
        self.at_us = max((at for _, at in self.times), default=0)

    def again(self, turn, moved, clock):
        """The line in its turn: `moved` says where a time has gone."""
        parts = self.parts.copy()
        for place in self.ids:
            parts[place] = b"%08x" % turn
        for place, at_us in self.times:
            parts[place] = clock.text(moved(at_us))
        return b"".join(parts)


def lines_of(path):
    """The lines of a log, in the order in which they were written."""
    with open(path, "rb") as file:
        return sorted((Line(line.rstrip(b"\n")) for line in file if line.strip()), key=lambda line: line.at_us)


def topic_and_producer(brokers, partitions, name="bench"):
    """A new topic, and a producer with big batches."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"{name}-{time.time_ns()}"
    # It has to live until it has its answer.
    admin = AdminClient({"bootstrap.servers": brokers})
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result()
    settings = {"compression.type": "zstd", "linger.ms": 50, "batch.size": 1_000_000, "message.max.bytes": 10_485_760}
    return topic, Producer({"bootstrap.servers": brokers, "queue.buffering.max.kbytes": 262_144, **settings})


def send(producer, topic, line, partition):
    """Sends a message, and waits where too many are under way."""
    while True:
        try:
            return producer.produce(topic, line, partition=partition)
        except BufferError:
            producer.poll(0.1)


def fill(brokers, partitions, log, copies):
    """A topic with the log so many times, each later than the one before. Its name, its messages and their bytes."""
    topic, producer = topic_and_producer(brokers, partitions)
    span_us, size, clock = log[-1].at_us - log[0].at_us + 30_000_000, 0, Clock()
    for copy in range(copies):
        for number, line in enumerate(log):
            value = line.again(copy, lambda at_us: at_us + span_us * copy, clock)
            size += len(value)
            send(producer, topic, value, number % partitions)
        producer.poll(0)
    producer.flush()
    return topic, copies * len(log), size


def steadily(rate, ended, begun):
    """Numbers of messages, so many a second, until `ended` says so; late ones at once."""
    sent = 0
    while not ended():
        due = int((time.monotonic() - begun) * rate)
        if sent >= due:
            time.sleep(0.002)
            continue
        while sent < due:
            yield sent
            sent += 1
