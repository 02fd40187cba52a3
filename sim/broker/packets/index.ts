// SPDX-License-Identifier: MIT
// Which handler takes which packet. The packets that are a line each are handled here.
import type { Packet } from "mqtt-packet";
import type { BrokerContext } from "../context.ts";
import type { Link } from "../link.ts";
import { onConnect } from "./connect.ts";
import { onPublish, onPubrel } from "./publish.ts";
import { onSubscribe, onUnsubscribe } from "./subscribe.ts";

/** Counts an acknowledgement by whether something waited for it. */
function count(broker: BrokerContext, isExpected: boolean): void {
  if (!isExpected) broker.counters.strayAcks++;
  else broker.counters.delivered++;
}

/** Does what a packet from a client asks for. */
export function handlePacket(broker: BrokerContext, link: Link, packet: Packet): void {
  if (packet.cmd === "connect") return onConnect(broker, link, packet);
  const { session } = link;
  if (!session) return broker.close(link, "protocol", "no-connect"); // [MQTT-3.1.0-1]
  const messageId = packet.messageId ?? 0;
  switch (packet.cmd) {
    case "publish":
      return onPublish(broker, link, session, packet);
    case "puback":
      return count(broker, session.onPuback(messageId)); // [MQTT-4.3.2-1]
    case "pubrec":
      if (!session.onPubrec(messageId)) broker.counters.strayAcks++;
      return undefined;
    case "pubrel":
      return onPubrel(broker, link, session, messageId);
    case "pubcomp":
      return count(broker, session.onPubcomp(messageId)); // [MQTT-4.3.3-1]
    case "subscribe":
      return onSubscribe(broker, link, session, packet);
    case "unsubscribe":
      return onUnsubscribe(broker, link, session, packet);
    case "pingreq":
      return broker.answer(link, { cmd: "pingresp" }); // [MQTT-3.12.4-1]
    default:
      // DISCONNECT, the only one left: the will is dropped [MQTT-3.14.4-3].
      link.will = null;
      return broker.close(link, "disconnect");
  }
}
