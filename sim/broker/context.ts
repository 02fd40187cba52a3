// SPDX-License-Identifier: MIT
// What the packet handlers need of the broker: its state and the few things that all of them do.
import type { Packet } from "mqtt-packet";
import type { SimClock } from "../clock/clock.ts";
import type { KeepAliveWheel } from "./keep-alive-wheel.ts";
import type { Link } from "./link.ts";
import type { Message } from "./message.ts";
import type { Retained } from "./retained.ts";
import type { Session, SessionBounds } from "./session.ts";
import type { SharedGroup } from "./shared-group.ts";
import type { BrokerCounters } from "./stats.ts";
import type { TopicTree } from "./topic-tree.ts";

/** Decides about a CONNECT: 0 accepts, 1 to 5 is the return code of the refusal (section 3.2.2.3). */
export type Authenticate = (
  clientId: string,
  username: string | undefined,
  password: Buffer | undefined,
) => 0 | 1 | 2 | 3 | 4 | 5;

/** Decides whether a client may publish to a topic, or subscribe to a filter. */
export type Authorise = (
  clientId: string,
  action: "publish" | "subscribe",
  topic: string,
) => boolean;

/** Why the broker is done with a connection. */
export type CloseCause =
  | "disconnect" // the client said so
  | "gone" // the network connection ended without DISCONNECT
  | "keep-alive"
  | "connect-timeout"
  | "takeover"
  | "protocol"
  | "refused"
  | "script"
  | "stop";

/** What handlers work with. */
export interface BrokerContext {
  readonly clock: SimClock;
  readonly counters: BrokerCounters;
  readonly sessionBounds: SessionBounds;
  /** Sessions by client identifier, connected or not. */
  readonly sessions: Map<string, Session>;
  /** Connections by client identifier. */
  readonly links: Map<string, Link>;
  readonly subscriptions: TopicTree<Session | SharedGroup>;
  /** Members of shared subscriptions by `$share/group/filter`. */
  readonly groups: Map<string, SharedGroup>;
  readonly retained: Retained;
  readonly wheel: KeepAliveWheel<Link>;
  readonly authenticate: Authenticate;
  readonly authorise: Authorise;
  /** A client identifier that nobody has. */
  newClientId(): string;
  /** Answers the packet in hand. */
  answer(link: Link, packet: Packet): void;
  /** Ends a connection; its will is published if it still has one. */
  close(link: Link, cause: CloseCause, detail?: string, how?: "end" | "cut" | "leave"): void;
  /** Takes a message in and hands it to everybody who asked for it. */
  accept(message: Message, how: { dup: boolean; acked: boolean; isWill: boolean }): void;
  /** Forgets a session with its subscriptions. */
  endSession(session: Session): void;
  trace(event: string, members: Record<string, string | number | boolean>): void;
}
