// SPDX-License-Identifier: MIT
// Clients that share one subscription (`$share/group/filter`): each message goes to one of them, in
// turn. Whoever is connected comes first; without one, a persistent session keeps the message.
import type { Message, Qos } from "./message.ts";
import type { Session } from "./session.ts";

/** The members of one group and filter. */
export class SharedGroup {
  readonly #members = new Map<Session, Qos>();
  #turn = 0;

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  set(session: Session, qos: Qos): void {
    this.#members.set(session, qos);
  }

  remove(session: Session): void {
    this.#members.delete(session);
  }

  /** Hands a message to the next member. */
  deliver(message: Message): void {
    const all = [...this.#members];
    const connected = all.filter(([session]) => session.isConnected);
    const candidates = connected.length > 0 ? connected : all;
    const chosen = candidates[this.#turn++ % candidates.length];
    if (!chosen) return;
    const [session, qos] = chosen;
    session.deliver(message, Math.min(message.qos, qos) as Qos);
  }
}
