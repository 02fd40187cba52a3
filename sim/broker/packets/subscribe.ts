// SPDX-License-Identifier: MIT
// SUBSCRIBE and SUBACK (sections 3.8, 3.9), UNSUBSCRIBE and UNSUBACK (sections 3.10, 3.11).
import type { ISubscribePacket } from "mqtt-packet";
import type { BrokerContext } from "../context.ts";
import type { Link } from "../link.ts";
import type { Qos } from "../message.ts";
import type { Session } from "../session.ts";
import { SharedGroup } from "../shared-group.ts";
import { isTopicFilter, parseShare } from "../topic.ts";

/** Return code of a filter that cannot be subscribed to (section 3.9.3). */
const FAILURE = 0x80;

/** Puts one subscription in force; gives its return code. */
function subscribe(broker: BrokerContext, session: Session, text: string, qos: Qos): number {
  const parsed = parseShare(text);
  if (!parsed || !broker.authorise(session.clientId, "subscribe", parsed.filter)) return FAILURE;
  const { filter, group } = parsed;
  session.subscriptions.set(text, qos); // Replaces one of the same filter [MQTT-3.8.4-3].
  if (group === null) broker.subscriptions.add(filter, session, qos);
  else {
    let shared = broker.groups.get(text);
    if (!shared) {
      broker.groups.set(text, (shared = new SharedGroup()));
      broker.subscriptions.add(filter, shared, 2);
    }
    shared.set(session, qos);
  }
  return qos;
}

/** Ends one subscription; unknown ones are no error [MQTT-3.10.4-5]. */
export function unsubscribe(broker: BrokerContext, session: Session, text: string): void {
  if (!session.subscriptions.delete(text)) return;
  const parsed = parseShare(text);
  if (parsed?.group === null) broker.subscriptions.remove(parsed.filter, session);
  const shared = broker.groups.get(text);
  if (!parsed || !shared) return;
  shared.remove(session);
  if (!shared.isEmpty) return;
  broker.groups.delete(text);
  broker.subscriptions.remove(parsed.filter, shared);
}

/** Handles SUBSCRIBE: one return code for each filter, in order [MQTT-3.8.4-5], [MQTT-3.9.3-1]. */
export function onSubscribe(
  broker: BrokerContext,
  link: Link,
  session: Session,
  packet: ISubscribePacket,
): void {
  const { subscriptions } = packet;
  // A malformed filter is a protocol violation, one that is not allowed is answered with 0x80.
  if (!subscriptions.every((row) => isTopicFilter(row.topic)))
    return broker.close(link, "protocol", "filter");
  const granted = subscriptions.map((row) =>
    link.wrong === "sub-fail" ? FAILURE : subscribe(broker, session, row.topic, row.qos),
  );
  // With the identifier of the SUBSCRIBE [MQTT-3.8.4-1], [MQTT-3.8.4-2].
  broker.answer(link, { cmd: "suback", messageId: packet.messageId ?? 0, granted });
  subscriptions.forEach(({ topic, qos }, i) => {
    // To shared subscriptions none are sent, as in MQTT 5: each member would get them.
    if (granted[i] === FAILURE || topic.startsWith("$share/")) return;
    // Also when the subscription was there already [MQTT-3.8.4-3]; RETAIN is set [MQTT-3.3.1-8].
    for (const message of broker.retained.match(topic))
      session.deliver(message, Math.min(message.qos, qos) as Qos, true); // [MQTT-3.3.1-6]
  });
  return undefined;
}

/** Handles UNSUBSCRIBE. */
export function onUnsubscribe(
  broker: BrokerContext,
  link: Link,
  session: Session,
  packet: { unsubscriptions: string[]; messageId?: number },
): void {
  if (!packet.unsubscriptions.every(isTopicFilter)) return broker.close(link, "protocol", "filter");
  // Compared character by character [MQTT-3.10.4-1]; what is on its way is completed
  // [MQTT-3.10.4-3].
  for (const text of packet.unsubscriptions) unsubscribe(broker, session, text);
  // [MQTT-3.10.4-4], [MQTT-3.10.4-6]
  return broker.answer(link, {
    cmd: "unsuback",
    messageId: packet.messageId ?? 0,
    granted: [],
  });
}
