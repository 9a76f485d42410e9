"""A desk client in Python: submits an alert, if one is given, and reads outbox and inbox, over mutual TLS.

Usage: desk_client.py PROFILE.toml [ALERT.json] [--to XB-POL]

Needs grpcio and grpcio-tools (PyPI). The stubs are made from proto/ into a temporary folder.
Prints one JSON object: {"outbox", "inbox"}, and of what was sent {"id", "reference", "recipients"}.
A refusal goes to standard error: status code and text. Every wrong field stands in its details, as
google.rpc.BadRequest in the trailer `grpc-status-details-bin` (package grpcio-status reads it).
"""

import argparse
import importlib
import json
import pathlib
import sys
import tempfile
import tomllib

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


def submit(desk, messages, arguments):
    """Sends the draft as it stands in the file; `--to` goes before what it says."""
    request = messages.SubmitRequest()
    json_format.Parse(pathlib.Path(arguments.alert).read_text(), request.drafts.add())
    if arguments.to:
        del request.drafts[0].to[:]
        request.drafts[0].to.extend(arguments.to)
    submitted = desk.Submit(request, timeout=20).submitted[0]
    return {
        "id": submitted.statement.id.hex(),
        "reference": submitted.reference,
        "recipients": [recipient.authority for recipient in submitted.recipients],
    }


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
    arguments = parser.parse_args()
    profile = tomllib.loads(pathlib.Path(arguments.profile).read_text())

    with tempfile.TemporaryDirectory() as folder:
        messages, services = stubs(folder)
        with channel(profile) as link:
            desk = services.DeskStub(link)
            try:
                sent = submit(desk, messages, arguments) if arguments.alert else {}
                print(json.dumps({**sent, **boxes(desk, messages)}))
            except grpc.RpcError as error:
                sys.exit(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    main()
