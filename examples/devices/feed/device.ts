// SPDX-License-Identifier: MIT
// A display that lives on a WebSocket feed, without MQTT: it subscribes when the connection opens,
// keeps it alive with what lubdub.json says (`keepalive_url`, `keepalive_interval_s`,
// `keepalive_payload`) and shows each message. Heartbeats go to the monitor over HTTP.
// Wiring: a display with a serial input at pin D17, 9600 baud.
import {
  DEVICE_KEYS,
  KEEPALIVE_KEYS,
  TEXT,
  boot,
  clock,
  heartbeat,
  http,
  keepalive,
  ready,
  uplink,
  wifi,
} from "lubdub/firmware";

/** What the feed says: `{"topic":"price","text":"4.20"}`. */
interface Message {
  topic?: string;
  text?: string;
}

let shown = "";
let messages = 0;

/** What comes from outside may be anything; undefined: it is no message. */
function parse(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

const app = boot(DEVICE_KEYS + KEEPALIVE_KEYS);
if (app) {
  wifi(app);
  clock(app);
  uplink(app);
  http(app);
  const feed = keepalive(app, {
    onState: (state) => {
      if (state === "open" && feed) feed.send('{"subscribe":"price"}', TEXT);
    },
    onMessage: (opcode, bytes) => {
      const message = opcode === TEXT ? parse(bytes) : undefined;
      if (!message || message.topic !== "price" || typeof message.text !== "string") return;
      messages++;
      shown = message.text.slice(0, 20);
      Serial2.println(shown);
    },
  });
  heartbeat(app, {
    members: () => ({ shown, messages, feed: feed ? feed.status : "off" }),
  });
  Serial2.setup(9600, { tx: D17 });
  ready(app);
}
