// SPDX-License-Identifier: MIT
// CONNECT (section 3.1) and its CONNACK (section 3.2): who may come in, and with which session.
import type { IConnectPacket } from "mqtt-packet";
import type { BrokerContext } from "../context.ts";
import type { Link } from "../link.ts";
import type { Message } from "../message.ts";
import { Session } from "../session.ts";
import { isTopicName } from "../topic.ts";

/** Refuses a CONNECT: CONNACK with the code, no session, end of the connection. */
export function refuse(broker: BrokerContext, link: Link, returnCode: number, clientId = ""): void {
  broker.counters.refusals++;
  broker.trace("refuse", { client: clientId, code: returnCode });
  // Session Present is 0 with every code but 0 [MQTT-3.2.2-4].
  broker.answer(link, { cmd: "connack", returnCode, sessionPresent: false });
  // [MQTT-3.2.2-5], [MQTT-3.1.4-5]: what came after the CONNECT is not looked at.
  broker.close(link, "refused");
}

function willOf(packet: IConnectPacket, clientId: string): Message | null {
  if (!packet.will) return null;
  const { topic, payload, qos = 0, retain = false } = packet.will;
  // [MQTT-3.1.2-9], [MQTT-3.1.2-16], [MQTT-3.1.2-17]
  return { topic, payload: Buffer.from(payload), qos, retain, clientId };
}

/** Finds or makes the session. */
function sessionFor(
  broker: BrokerContext,
  clientId: string,
  isClean: boolean,
): { session: Session; isPresent: boolean } {
  const known = broker.sessions.get(clientId);
  // Clean Session 0 resumes what is stored [MQTT-3.1.2-4], [MQTT-3.1.2-5].
  if (known && !isClean) return { session: known, isPresent: true };
  // Clean Session 1 discards it [MQTT-3.1.2-6].
  if (known) broker.endSession(known);
  const session = new Session(clientId, isClean, broker.sessionBounds);
  broker.sessions.set(clientId, session);
  return { session, isPresent: false };
}

/** Handles CONNECT. */
export function onConnect(broker: BrokerContext, link: Link, packet: IConnectPacket): void {
  if (link.session) return broker.close(link, "protocol", "second-connect"); // [MQTT-3.1.0-2]
  const isClean = packet.clean === true;
  const will = willOf(packet, packet.clientId);
  if (will && !isTopicName(will.topic)) return broker.close(link, "protocol", "will-topic");
  // An empty identifier needs a clean session [MQTT-3.1.3-7], [MQTT-3.1.3-8], [MQTT-3.1.3-9] ...
  if (packet.clientId === "" && !isClean) return refuse(broker, link, 2);
  // ... and gets one of the broker's making [MQTT-3.1.3-6].
  const clientId = packet.clientId === "" ? broker.newClientId() : packet.clientId;
  // Before anything is done to a client of that name (section 3.1.4, second step).
  const code = broker.authenticate(clientId, packet.username, packet.password);
  if (code !== 0) return refuse(broker, link, code, clientId);
  if (will) {
    will.clientId = clientId;
    if (!broker.authorise(clientId, "publish", will.topic))
      return refuse(broker, link, 5, clientId);
  }
  const old = broker.links.get(clientId);
  if (old) broker.close(old, "takeover"); // [MQTT-3.1.4-2]
  // Taking over may have published a will, and whoever saw it may have stopped the broker.
  if (!link.isOpen) return undefined;

  const { session, isPresent } = sessionFor(broker, clientId, isClean);
  link.session = session;
  link.will = will;
  link.keepAliveSec = packet.keepalive ?? 0;
  broker.links.set(clientId, link);
  // One and a half times Keep Alive [MQTT-3.1.2-24]; 0 switches it off (section 3.1.2.10).
  link.silenceLimitMs = link.keepAliveSec * 1500;
  if (link.silenceLimitMs > 0) broker.wheel.add(link);
  else broker.wheel.remove(link);
  broker.counters.connects++;
  broker.trace("connect", {
    client: clientId,
    clean: isClean,
    keepAliveSec: link.keepAliveSec,
    present: isPresent,
  });
  // First of all packets [MQTT-3.2.0-1]; present: [MQTT-3.2.2-1], [MQTT-3.2.2-2], [MQTT-3.2.2-3].
  broker.answer(link, { cmd: "connack", returnCode: 0, sessionPresent: isPresent });
  if (link.isOpen) session.attach(link);
  return undefined;
}
