// SPDX-License-Identifier: MIT
// A board asks a weather server that cuts every second answer short, and shows by an LED whether it
// knows the weather. At the end the server is out of reach, which looks different to the board.
// Shows: a server of your own in a few lines, how it misbehaves, and what happens on a pin.
// Run: npm run build && node --import tsx examples/own-peer.ts
import { World } from "lubdub/sim";
import type { Peer } from "lubdub/sim";

const script = `
function onAnswer(response) {
  var body = "";
  response.on("data", function (bytes) { body += bytes; });
  response.on("close", function () {
    var isWhole = body.length == response.headers["Content-Length"];
    print(isWhole ? JSON.parse(body).celsius + " degrees" : "cut after " + body.length + " bytes");
    digitalWrite(D2, isWhole);
  });
}
function ask() {
  try {
    require("http").get("http://weather/now", onAnswer);
  } catch (error) {
    print("no answer: " + error.message);
    digitalWrite(D2, 0);
  }
}
require("Wifi").connect("home", { password: "secret" }, function () { setInterval(ask, 60000); });
`;

/** Gets connections and bytes: no library, no port of this machine, no time of its own. */
function createWeatherServer(): Peer {
  let requestCount = 0;
  return {
    accept: (connection) => {
      let request = "";
      return {
        onData: (bytes) => {
          request += bytes.toString("latin1");
          if (!request.includes("\r\n\r\n")) return;
          requestCount++;
          const body = JSON.stringify({ celsius: 20 + requestCount });
          const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`;
          connection.write(Buffer.from(head + (requestCount % 2 ? body : body.slice(0, 7))));
          connection.end();
        },
        onClose: () => {},
      };
    },
  };
}

const world = new World({ seed: 3 });
const say = (text: string): void => console.log(`${Math.round(world.nowMs / 1000)} s: ${text}`);
world.serve("weather", 80, createWeatherServer());
const board = world.board("display", { script, onPrint: say });
board.pins.onChange((pin, level) => {
  if (pin === "D2") say(`LED ${level ? "on" : "off"}`);
});
world.plan([{ at: "270s", fault: "partition", target: "display" }]);

await world.run("6m");
await world.close();
