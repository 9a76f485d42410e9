"""A desk client in Python: submits an alert or answers one, if asked to, and reads outbox and inbox, over mutual TLS.

Usage: desk_client.py PROFILE.toml [ALERT.json] [--to XB-POL] [--answer XA-26-7F3K9 --unit "harbour unit"]

Needs grpcio and grpcio-tools (PyPI). The stubs are made from proto/ into a temporary folder.
Prints one JSON object: {"outbox", "inbox"}, and of what was sent {"id", "reference", "recipients"}.
What was sent when no answer came (UNAVAILABLE, DEADLINE_EXCEEDED) may be repeated with the id that is printed to
standard error first, written into the draft: at most one of the tries has an effect.
A refusal goes to standard error: status code and text. Every wrong field stands in its details, as
google.rpc.BadRequest in the trailer `grpc-status-details-bin` (package grpcio-status reads it).
"""

import argparse
import importlib
import json
import pathlib
import secrets
import sys
import tempfile
import time
import tomllib
import uuid

import grpc
from google.protobuf import json_format
from grpc_tools import protoc

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["alert", "envelope", "desk"]


def stubs(folder):
    """Compiles proto/ and imports the desk modules."""
    files = [f"allpoints/{name}/v1/{name}.proto" for name in PACKAGES]
    arguments = ["protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    # The well-known types come with grpcio-tools.
    include = pathlib.Path(protoc.__file__).parent / "_proto"
    arguments.insert(1, f"-I{include}")
    if protoc.main(arguments) != 0:
        sys.exit("the protocol did not compile")
    sys.path.insert(0, folder)
    messages = importlib.import_module("allpoints.desk.v1.desk_pb2")
    services = importlib.import_module("allpoints.desk.v1.desk_pb2_grpc")
    return messages, services


def channel(profile):
    """Mutual TLS with the profile's own certificate, trusting the own desk CA only.

    The desk's certificate names `localhost` and the hosts given to `allpoints pki init --host`.
    """
    read = lambda key: pathlib.Path(profile[key]).read_bytes()
    credentials = grpc.ssl_channel_credentials(read("ca"), read("key"), read("certificate"))
    options = [("grpc.ssl_target_name_override", "localhost")]
    return grpc.secure_channel(profile["endpoint"], credentials, options)


def new_id():
    """A UUIDv7 (RFC 9562, 5.7): milliseconds, then random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=number & ~(0x3 << 62) | 0x2 << 62))


def alert(messages, arguments):
    """The draft as it stands in the file; `--to` goes before what it says."""
    draft = messages.SubmitRequest().drafts.add()
    json_format.Parse(pathlib.Path(arguments.alert).read_text(), draft)
    if arguments.to:
        del draft.to[:]
        draft.to.extend(arguments.to)
    return draft


def answer(desk, messages, arguments):
    """Says to the sender of an alert in the inbox that a unit has it. The line is enough: no person is looked at."""
    items = inbox_lines(desk, messages)
    line = next((item for item in items if item.reference == arguments.answer), None)
    if line is None:
        sys.exit(f"{arguments.answer} is not in the inbox")
    draft = messages.SubmitRequest().drafts.add()
    draft.to.append(line.statement.origin)
    draft.priority, draft.status = line.priority, line.status
    draft.handling.extend(line.handling)
    draft.in_reply_to = line.reference
    json_format.ParseDict({"code": "ANSWER_CODE_ASSIGNED", "unit": arguments.unit}, draft.payload.answer)
    return draft


def submit(desk, messages, draft):
    """Sends one draft, under an id that is made before the first try."""
    draft.id = draft.id or new_id()
    print(f"id {draft.id}", file=sys.stderr)
    submitted = desk.Submit(messages.SubmitRequest(drafts=[draft]), timeout=20).submitted[0]
    return {
        "id": submitted.statement.id.hex(),
        "reference": submitted.reference,
        "recipients": [recipient.authority for recipient in submitted.recipients],
    }


def inbox_lines(desk, messages):
    """Every line of the inbox, newest first, page by page."""
    cursor = ""
    while True:
        page = desk.List(messages.ListRequest(box=messages.BOX_IN, limit=200, cursor=cursor), timeout=20)
        yield from page.items
        cursor = page.next_cursor
        if not cursor:
            return


def boxes(desk, messages):
    """The newest references of both boxes."""
    result = {}
    for name, box in (("inbox", messages.BOX_IN), ("outbox", messages.BOX_OUT)):
        items = desk.List(messages.ListRequest(box=box, limit=50), timeout=20).items
        result[name] = [item.reference for item in items]
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("profile")
    parser.add_argument("alert", nargs="?")
    parser.add_argument("--to", action="append", default=[])
    parser.add_argument("--answer", metavar="REFERENCE", help="of an alert in the inbox")
    parser.add_argument("--unit", help="which unit has it; goes with --answer")
    arguments = parser.parse_args()
    if bool(arguments.answer) != bool(arguments.unit) or (arguments.answer and arguments.alert):
        parser.error("give an alert, or --answer with --unit, or neither")
    profile = tomllib.loads(pathlib.Path(arguments.profile).read_text())

    with tempfile.TemporaryDirectory() as folder:
        messages, services = stubs(folder)
        with channel(profile) as link:
            desk = services.DeskStub(link)
            try:
                sent = {}
                if arguments.alert:
                    sent = submit(desk, messages, alert(messages, arguments))
                elif arguments.answer:
                    sent = submit(desk, messages, answer(desk, messages, arguments))
                print(json.dumps({**sent, **boxes(desk, messages)}))
            except grpc.RpcError as error:
                sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
