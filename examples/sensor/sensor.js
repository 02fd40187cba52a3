// A light sensor for an Espruino ESP32: nothing to do with heartbeats, no line knows of a simulator.
// It posts a reading each minute, and at once when its button is pressed.
// Wiring: light sensor at pin D34 (analog), button from pin D4 to ground.

function post(cause) {
  const body = JSON.stringify({ cause: cause, light: Math.round(analogRead(D34) * 100) });
  const options = {
    host: "collector",
    port: 80,
    path: "/readings",
    method: "POST",
    headers: { "Content-Type": "application/json", "Content-Length": body.length },
  };
  const request = require("http").request(options, function (response) {
    print("collector says " + response.statusCode);
  });
  request.on("error", function (error) {
    print("reading lost: " + error.message);
  });
  request.end(body);
}

function onPress() {
  post("button");
}

function start() {
  setInterval(post, 60000, "minute");
  pinMode(D4, "input_pullup");
  setWatch(onPress, D4, { repeat: true, edge: "falling", debounce: 50 });
}

require("Wifi").connect("home", { password: "secret" }, start);
