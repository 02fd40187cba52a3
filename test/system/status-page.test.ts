// SPDX-License-Identifier: MIT
// The status page of the built bundle, asked by another board of the same network.
import { expect, it } from "vitest";
import { createLab } from "../helpers/lab.ts";

/** Asks for the health of a board, as a monitor of people who have nothing else does. */
const MONITOR = `
var answer;
function ask(host) {
  answer = "";
  require("http").get("http://" + host + ":8080/health", function (response) {
    answer = response.statusCode + " ";
    response.on("data", function (data) { answer += data; });
  });
}
`;

it("says alive with 200 while the device is online and well, else degraded with 503", async () => {
  const config = { status_port: 8080, wifi_ssid: "home" };
  const { world, board, broker, beats } = createLab({ config, hasRadio: true });
  const monitor = world.board("monitor", { script: MONITOR, wifi: false });
  const health = async (): Promise<[number, unknown]> => {
    monitor.evaluate(`ask(${JSON.stringify(board.name)})`);
    await world.run("5s");
    const text = String(monitor.evaluate("answer"));
    return [Number(text.slice(0, 3)), JSON.parse(text.slice(4) || "null")];
  };

  await world.run("2m");
  expect(beats.at(-1)).toMatchObject({ status: "alive" });
  expect(await health()).toMatchObject([200, { status: "alive", uplink: "online" }]);
  broker.stop({ keepsState: true });
  await world.run("1m");
  expect(await health()).toMatchObject([503, { status: "degraded" }]);
  broker.start();
  await world.run("5m");
  expect(await health()).toMatchObject([200, { status: "alive" }]);
});
