// SPDX-License-Identifier: MIT
// PUBLISH from a client (section 3.3) and the second half of QoS 2, PUBREL (section 3.6).
import type { IPublishPacket } from "mqtt-packet";
import type { BrokerContext } from "../context.ts";
import type { Link } from "../link.ts";
import type { Message } from "../message.ts";
import type { Session } from "../session.ts";
import { isTopicName } from "../topic.ts";

/** Whether the answer will reach the client, as far as the broker is concerned. */
function isAnswered(link: Link): boolean {
  return !link.isMute && (link.wrong === null || link.wrong === "duplicate");
}

function take(broker: BrokerContext, link: Link, packet: IPublishPacket, message: Message): void {
  // Without a way to say no, 3.1.1 acknowledges what it does not take [MQTT-3.3.5-2].
  if (!broker.authorise(message.clientId, "publish", message.topic)) broker.counters.denied++;
  else
    broker.accept(message, {
      dup: packet.dup,
      acked: message.qos > 0 && isAnswered(link),
      isWill: false,
    });
}

/** Handles PUBLISH. */
export function onPublish(
  broker: BrokerContext,
  link: Link,
  session: Session,
  packet: IPublishPacket,
): void {
  const { topic, qos, retain } = packet;
  if (!isTopicName(topic)) return broker.close(link, "protocol", "topic"); // [MQTT-3.3.2-2]
  const { clientId } = session;
  const message: Message = { topic, payload: packet.payload as Buffer, qos, retain, clientId };
  const messageId = packet.messageId ?? 0;
  if (qos === 0) return take(broker, link, packet, message);
  if (qos === 1) {
    take(broker, link, packet, message);
    broker.counters.pubacks++;
    return broker.answer(link, { cmd: "puback", messageId }); // [MQTT-4.3.2-2], [MQTT-3.3.4-1]
  }
  // Delivered with the first PUBLISH, and not again until PUBREL frees the identifier
  // [MQTT-4.3.3-2]: method B of figure 4.3.
  if (session.received.has(messageId)) broker.counters.repeats++;
  else {
    session.received.add(messageId);
    take(broker, link, packet, message);
  }
  broker.counters.pubacks++;
  return broker.answer(link, { cmd: "pubrec", messageId });
}

/** Handles PUBREL; one that nothing waited for is answered too, or the client would ask for ever. */
export function onPubrel(
  broker: BrokerContext,
  link: Link,
  session: Session,
  messageId: number,
): void {
  if (!session.received.delete(messageId)) broker.counters.strayAcks++;
  broker.answer(link, { cmd: "pubcomp", messageId }); // [MQTT-4.3.3-2]
}
