// SPDX-License-Identifier: MIT
// The servers there are: from `--carrier` and `--broker` to something that can be started.
import { usageError } from "../../lib/errors.ts";
import { MOSQUITTO, NO_MOSQUITTO } from "../../lib/mosquitto.ts";
import { CARRIERS } from "../../scenario/server.ts";
import type { Carrier, ServerChoice } from "../../scenario/server.ts";
import { embeddedChoice, foreignChoice, mosquittoChoice } from "./brokers.ts";
import { httpChoice } from "./http.ts";

/**
 * Makes the list of servers, one a carrier. Fails with a usage error when there is none of a kind.
 * @param carriers undefined: all, or that of the broker's URL
 * @param broker `mosquitto`, `own` or a URL; undefined: Mosquitto where this machine has one
 */
export function chooseServers(
  carriers: readonly Carrier[] | undefined,
  broker: string | undefined,
): ServerChoice[] {
  if (broker === "mosquitto" && !MOSQUITTO) throw usageError(NO_MOSQUITTO);
  if (broker !== undefined && broker !== "mosquitto" && broker !== "own") {
    if (!/^(mqtt|ws)s?:/.test(broker) || broker.includes(","))
      throw usageError(`a broker is one URL of MQTT or WebSocket, not ${broker}`);
    const choice = foreignChoice(broker);
    if (carriers?.some((carrier) => carrier !== choice.carrier))
      throw usageError(`${broker} is for the carrier ${choice.carrier} alone`);
    return [choice];
  }
  const isMosquitto = broker === "mosquitto" || (broker === undefined && MOSQUITTO !== undefined);
  return [...new Set(carriers ?? CARRIERS)].map((carrier) => {
    if (carrier === "http") return httpChoice();
    return isMosquitto ? mosquittoChoice(carrier) : embeddedChoice(carrier);
  });
}
