// SPDX-License-Identifier: MIT
// Takes one signed command to a device through a broker and waits for its reply. One attempt, bounded;
// whoever wants another one calls again. Not for making the command (command-token.ts).
import { randomBytes } from "node:crypto";
import mqtt from "mqtt";
import { topicOf } from "../../firmware/wire/topics.ts";
import { AppError } from "./errors.ts";
import { problemText } from "./watcher.ts";

/** A command on its way. */
export interface Delivery {
  /** Broker, `mqtt://host[:port]`. */
  url: string;
  /** For brokers that ask for them. */
  username: string | undefined;
  password: string | undefined;
  prefix: string;
  deviceId: string;
  token: string;
  /** The command's `jti`: only a reply with this `id` is the one. */
  jti: string;
  /** Longest time from here to the reply, ms. */
  waitMs: number;
}

/** What a device says to a command, see firmware/wire/README.md. */
export interface CommandReply {
  id: string | null;
  ok: boolean;
  /** Of the error, where there is one. */
  code: string;
  /** All of it: JSON, one line, ASCII. */
  text: string;
}

/** Longest time to the broker's CONNACK, ms. */
const CONNECT_MS = 5000;

/** Makes text from the network fit for a terminal and for one line. */
function toAscii(text: string): string {
  return text.replace(
    /[^ -~]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Reads a payload from the replies; undefined when it is none. */
function readReply(payload: Buffer): CommandReply | undefined {
  try {
    const reply = JSON.parse(payload.toString("utf8")) as {
      id: string | null;
      ok?: unknown;
      error?: { code?: unknown };
    } | null;
    if (typeof reply?.ok !== "boolean") return undefined;
    const { id, ok, error } = reply;
    return { id, ok, code: toAscii(String(error?.code)), text: toAscii(JSON.stringify(reply)) };
  } catch {
    return undefined;
  }
}

/**
 * Publishes the command and gives the reply. Replies are not signed: what they say is as
 * true as the broker.
 * @throws AppError (`E_COMMAND_BROKER`, `E_COMMAND_NO_REPLY`)
 */
export async function deliverCommand(delivery: Delivery): Promise<CommandReply> {
  const { url, username, password, prefix, deviceId, token, jti, waitMs } = delivery;
  const client = mqtt.connect(url, {
    clientId: `lubdub-command-${randomBytes(6).toString("hex")}`,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    protocolVersion: 4,
    clean: true,
    connectTimeout: CONNECT_MS,
    // One attempt.
    reconnectPeriod: 0,
  });
  const replies = topicOf(prefix, deviceId, "replies");
  // A board that cannot read the claims has no id to answer with.
  let stray = "";
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const fail = (problem: string): void =>
        reject(new AppError("E_COMMAND_BROKER", `broker ${url}: ${problem}`));
      timer = setTimeout(
        () =>
          reject(
            new AppError(
              "E_COMMAND_NO_REPLY",
              `no reply from ${deviceId} within ${waitMs / 1000} s${stray}`,
            ),
          ),
        waitMs,
      );
      client.on("error", (error) => fail(problemText(error)));
      client.on("close", () => fail("connection closed"));
      client.on("message", (_topic, payload, { retain }) => {
        const reply = readReply(payload);
        if (!reply || retain) return;
        if (reply.id === jti) resolve(reply);
        else if (reply.id === null) stray = `; it refused one it could not read: ${reply.code}`;
      });
      client.once("connect", () => {
        client.subscribe(replies, { qos: 1 }, (error, granted) => {
          // A connection that ends before SUBACK reports itself.
          if (error && !client.connected) return;
          if (error || granted?.some(({ qos }) => qos === 128))
            return fail(`subscription to ${replies} refused`);
          client.publish(topicOf(prefix, deviceId, "commands"), token, { qos: 1 });
          return undefined;
        });
      });
    });
  } finally {
    clearTimeout(timer);
    // At once: an orderly end would wait for a broker that never acknowledges.
    await client.endAsync(true);
  }
}
