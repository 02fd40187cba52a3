// SPDX-License-Identifier: MIT
// State of one client (section 4.1): subscriptions, what was sent to it and is not acknowledged,
// what waits to be sent, and which QoS 2 packets of its own are under way. It outlives connections
// when the client asked for that. A class, because thousands exist.
import type { Message, Qos } from "./message.ts";

/** The connection side of a session, as far as it delivers. */
export interface Outlet {
  /** False while the client reads too slowly: messages then wait, or are dropped if QoS 0. */
  hasRoom(): boolean;
  sendPublish(message: Message, qos: Qos, packetId: number, flags: PublishFlags): void;
  sendPubrel(packetId: number): void;
}

/** Flags of a PUBLISH to a client. */
export interface PublishFlags {
  dup: boolean;
  retain: boolean;
}

/** Bounds of a session, the same object for all of a broker. */
export interface SessionBounds {
  /** Most messages that were sent and not acknowledged. */
  readonly maxInFlight: number;
  /** Most messages that wait behind them. */
  readonly maxQueued: number;
  /** Told of each message that no room was left for. */
  onDropped(): void;
}

interface Waiting {
  message: Message;
  qos: Qos;
  /** Whether it is sent as a retained one, to a new subscription. */
  isRetained: boolean;
}

interface InFlight extends Waiting {
  /** True once PUBREC has come: PUBREL is repeated then, the message never. */
  isReleased: boolean;
}

/** One client's session. */
export class Session {
  readonly clientId: string;
  /** Ends with its connection [MQTT-3.1.2-6]. */
  readonly isClean: boolean;
  /** Filters as subscribed to, with the QoS granted. */
  readonly subscriptions = new Map<string, Qos>();
  /** Packet identifiers of QoS 2 messages from the client between PUBLISH and PUBREL. */
  readonly received = new Set<number>();
  #outlet: Outlet | null = null;
  readonly #inFlight = new Map<number, InFlight>();
  #queue: Waiting[] = [];
  #lastId = 0;
  readonly #bounds: SessionBounds;

  constructor(clientId: string, isClean: boolean, bounds: SessionBounds) {
    this.clientId = clientId;
    this.isClean = isClean;
    this.#bounds = bounds;
  }

  /** Whether a connection is attached. */
  get isConnected(): boolean {
    return this.#outlet !== null;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  get queuedCount(): number {
    return this.#queue.length;
  }

  /**
   * Attaches a connection and sends again what was not acknowledged, in the order of the first
   * sending and under the same identifiers [MQTT-4.4.0-1], [MQTT-4.6.0-1].
   */
  attach(outlet: Outlet): void {
    this.#outlet = outlet;
    for (const [packetId, entry] of this.#inFlight) {
      if (entry.isReleased) outlet.sendPubrel(packetId);
      else this.#send(outlet, packetId, entry, true); // DUP: [MQTT-3.3.1-1]
    }
    this.pump();
  }

  /** Takes the connection away; what was on its way stays. */
  detach(): void {
    this.#outlet = null;
  }

  /** Sends a message as soon as the window and the connection allow, or drops it if it must. */
  deliver(message: Message, qos: Qos, isRetained = false): void {
    if (qos === 0) {
      // A QoS 0 message is for those who are there and keep up.
      if (this.#outlet?.hasRoom())
        this.#outlet.sendPublish(message, 0, 0, { dup: false, retain: isRetained });
      else if (this.#outlet) this.#bounds.onDropped();
      return;
    }
    if (this.#queue.length >= this.#bounds.maxQueued) {
      this.#bounds.onDropped();
      return;
    }
    this.#queue.push({ message, qos, isRetained });
    this.pump();
  }

  /** Sends what waits, as far as there is room. */
  pump(): void {
    while (this.#queue.length > 0 && this.#inFlight.size < this.#bounds.maxInFlight) {
      const outlet = this.#outlet;
      if (!outlet?.hasRoom()) return;
      const entry = { ...(this.#queue.shift() as Waiting), isReleased: false };
      const packetId = this.#nextId();
      this.#inFlight.set(packetId, entry);
      this.#send(outlet, packetId, entry, false);
    }
  }

  /** PUBACK ends QoS 1. Returns false for an identifier that waits for nothing like it. */
  onPuback(packetId: number): boolean {
    return this.#finish(packetId, (entry) => entry.qos === 1);
  }

  /** PUBCOMP ends QoS 2 after PUBREC; as `onPuback`. */
  onPubcomp(packetId: number): boolean {
    return this.#finish(packetId, (entry) => entry.isReleased);
  }

  /** PUBREC is answered with PUBREL, also when it comes again [MQTT-4.3.3-1]; as `onPuback`. */
  onPubrec(packetId: number): boolean {
    const entry = this.#inFlight.get(packetId);
    if (entry?.qos !== 2) return false;
    entry.isReleased = true;
    this.#outlet?.sendPubrel(packetId);
    return true;
  }

  #send(outlet: Outlet, packetId: number, entry: Waiting, dup: boolean): void {
    const { message, qos, isRetained } = entry;
    outlet.sendPublish(message, qos, packetId, { dup, retain: isRetained });
  }

  #finish(packetId: number, isRight: (entry: InFlight) => boolean): boolean {
    const entry = this.#inFlight.get(packetId);
    if (!entry || !isRight(entry)) return false;
    this.#inFlight.delete(packetId);
    this.pump();
    return true;
  }

  /** An identifier that is not in use [MQTT-2.3.1-2]; the window is far smaller than their number. */
  #nextId(): number {
    do this.#lastId = (this.#lastId % 65535) + 1;
    while (this.#inFlight.has(this.#lastId));
    return this.#lastId;
  }
}
