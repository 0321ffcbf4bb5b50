// The official JavaScript SignalR client, driven by JSON lines.
//
// In, one per line:  {"id": 1, "do": "connect", "hub": "user", "url": "...", "token": "..."}
//                    {"id": 2, "do": "invoke", "hub": "user", "method": "...", "arguments": [...]}
//                    {"id": 3, "do": "stop", "hub": "user"}
// Out, one per line: {"reply": 1, "result": ...} or {"reply": 1, "error": "..."}, and as they happen
//                    {"event": "GatewayQuote", "hub": "market", "arguments": [...]}
//                    {"state": "reconnecting", "hub": "user", "error": "..."}
// When its input ends it stops every connection and says {"counts": {...}} last.

import { createInterface } from "node:readline";
import signalR from "@microsoft/signalr";

const EVENTS = {
  user: ["GatewayUserAccount", "GatewayUserOrder", "GatewayUserPosition", "GatewayUserTrade", "GatewayLogout"],
  market: ["GatewayQuote", "GatewayTrade", "GatewayDepth"],
};
const connections = new Map();
const counts = {};

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

async function connect({ hub, url, token, skipNegotiation, reconnectDelays, serverTimeout, keepAlive }) {
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(url, {
      skipNegotiation,
      transport: signalR.HttpTransportType.WebSockets,
      accessTokenFactory: () => token,
    })
    .withAutomaticReconnect(reconnectDelays)
    .configureLogging(signalR.LogLevel.None)
    .build();
  if (serverTimeout) connection.serverTimeoutInMilliseconds = serverTimeout;
  if (keepAlive) connection.keepAliveIntervalInMilliseconds = keepAlive;
  for (const event of EVENTS[hub]) {
    connection.on(event, (...args) => {
      counts[event] = (counts[event] ?? 0) + 1;
      say({ event, hub, arguments: args });
    });
  }
  const told = (state) => (error) => say({ state, hub, error: error instanceof Error ? error.message : null });
  connection.onreconnecting(told("reconnecting"));
  connection.onreconnected(told("reconnected"));
  connection.onclose(told("closed"));
  connections.set(hub, connection);
  await connection.start();
  return { connectionId: connection.connectionId };
}

const DEEDS = {
  connect,
  invoke: ({ hub, method, arguments: args }) => connections.get(hub).invoke(method, ...args),
  stop: ({ hub }) => connections.get(hub).stop(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, do: deed, ...rest } = JSON.parse(line);
    DEEDS[deed](rest).then(
      (result) => say({ reply: id, result: result ?? null }),
      (error) => say({ reply: id, error: error.message }),
    );
  })
  .on("close", async () => {
    await Promise.all([...connections.values()].map((connection) => connection.stop()));
    say({ counts });
  });
