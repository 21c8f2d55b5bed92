"use strict";
// One connection that sends a message which is too long, with others behind it; prints how it was closed.
// node too_long.js URL
const { client: WebSocketClient } = require("websocket");

const client = new WebSocketClient({ fragmentOutgoingMessages: false });
client.on("connectFailed", (error) => console.log(JSON.stringify({ failed: String(error) })));
client.on("connect", (connection) => {
  connection.on("error", () => {});
  connection.on("close", (code, reason) => console.log(JSON.stringify({ code, reason })));
  for (let number = 0; number < 5; number++) connection.sendUTF("x".repeat(1_500_000));
});
client.connect(process.argv[2], "protoo");
