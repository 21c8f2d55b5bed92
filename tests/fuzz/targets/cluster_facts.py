"""What hosts say of themselves in a cluster: what is read is written, and read again as the same."""

from miso.cluster.errors import ParseError, UnknownKindError
from miso.cluster.facts import decode_fact, decode_message, decode_node, encode
from tests.cluster.test_facts import FACTS, MESSAGES, NODE

DOCUMENTED = (ParseError, UnknownKindError)
SEEDS = [encode(said) for said in (NODE, *FACTS, *MESSAGES)]


def run(data: bytes) -> None:
    if b'"k":"node"' in data:
        node = decode_node(data)
        assert decode_node(encode(node)) == node
        return
    try:
        message = decode_message(data)
    except (ParseError, UnknownKindError):
        fact = decode_fact(data)
        assert decode_fact(encode(fact)) == fact
    else:
        assert decode_message(encode(message)) == message
