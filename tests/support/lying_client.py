"""A program that says accepted to everything and does nothing. With an argument it misbehaves so."""

from __future__ import annotations

import json
import sys
import time

HOW = sys.argv[1] if len(sys.argv) > 1 else ""

for line in sys.stdin:
    asked = json.loads(line)
    starts = asked["do"] == "start"
    answer = {"id": asked["id"], "result": "done" if starts else "accepted", "order_id": 5}
    match HOW:
        case "ends":
            sys.stderr.write("out of luck\n")
            sys.exit(3)
        case "silent":
            time.sleep(60)
        case "garbled":
            sys.stdout.write("Traceback: not JSON\n")
        case "stranger":
            answer["id"] = 99
        case "endless":
            sys.stdout.write("x" * 2_000_000)
        case "vague":
            answer["result"] = "perhaps"
        case "chatty":
            sys.stdout.write(json.dumps({"event": "fill", "trade_id": 1}) + "\n")
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
