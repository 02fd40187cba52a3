// SPDX-License-Identifier: MIT
// The radio of a board as its interpreter drives it, and as the world disturbs it.
// Not for: how a radio behaves (station.ts).

/** An address and what comes with it. */
export interface Lease {
  ip: string;
  netmask: string;
  gw: string;
}

/** What a radio tells; called from the clock. */
export interface RadioEvents {
  onAssociated(): void;
  /** The association or an attempt to associate has ended; a number of the ESP-IDF. */
  onDisconnected(reason: number): void;
  onAddress(lease: Lease): void;
}

/** An access point as a scan finds it. */
export interface Found {
  ssid: string;
  bssid: string;
  channel: number;
  rssiDbm: number;
  isOpen: boolean;
}

/** The radio of one board, as its interpreter drives it. */
export interface Radio {
  /** Who is told; null for nobody. */
  listen(events: RadioEvents | null): void;
  /** Tries once to associate; the outcome is an event. An association that exists ends. */
  join(ssid: string, password: string): void;
  /** Ends the association, or the attempt, with reason 8. */
  leave(): void;
  /** Switches the radio off at once: no event; the address and the connections are gone. */
  stop(): void;
  /** Looks for access points; `done` is never called at once. */
  scan(done: (found: Found[]) => void): void;
  /** The access point it is associated with, null without one. */
  readonly associated: Found | null;
  /** What is kept for a while after the association has ended; null without an address. */
  readonly lease: Lease | null;
}

/** A radio as the world disturbs it. */
export interface Station extends Radio {
  readonly name: string;
  /** Ends its association with a reason of the ESP-IDF; it may come back at once. */
  drop(reason: number): void;
  /** The same, and no attempt succeeds until the result is called. */
  keepOut(reason: number): () => void;
  /** Sets the signal, dBm; gives what restores the one before. Below -90 the link is lost. */
  setSignal(rssiDbm: number): () => void;
  /** Leaves its requests for an address unanswered until the result is called. */
  failDhcp(): () => void;
}
