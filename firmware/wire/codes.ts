// SPDX-License-Identifier: MIT
// Every failure code a device can log or report, with what a person needs to know of it. The board
// ships only the code words: the table is read by hosts and documents and falls out of the bundle.

/** Severity follows the log levels: W goes away by itself, E needs somebody or loses a beat. */
export type Severity = "W" | "E";

/** Code of a failure. */
export type Code =
  | "E_CLOCK_NONE"
  | "E_COMMAND_ARGS"
  | "E_COMMAND_CLAIMS"
  | "E_COMMAND_EARLY"
  | "E_COMMAND_EXPIRED"
  | "E_COMMAND_FAULT"
  | "E_COMMAND_OLD"
  | "E_COMMAND_RATE"
  | "E_COMMAND_SIZE"
  | "E_COMMAND_UNKNOWN"
  | "E_CONFIG"
  | "E_HASH_NONE"
  | "E_HTTP_CLOSED"
  | "E_HTTP_NONE"
  | "E_HTTP_PROTOCOL"
  | "E_HTTP_QUEUE"
  | "E_HTTP_STATUS"
  | "E_HTTP_TIMEOUT"
  | "E_JOB"
  | "E_JSON"
  | "E_KEY"
  | "E_LED_NONE"
  | "E_MEMORY"
  | "E_MQTT_BUFFER"
  | "E_MQTT_CLOSED"
  | "E_MQTT_DENIED"
  | "E_MQTT_OFFLINE"
  | "E_MQTT_PROTOCOL"
  | "E_MQTT_REFUSED"
  | "E_MQTT_SUBSCRIBE"
  | "E_MQTT_TIMEOUT"
  | "E_MQTT_WINDOW"
  | "E_NET"
  | "E_STORE"
  | "E_TIME"
  | "E_TLS_NONE"
  | "E_UDP_NONE"
  | "E_UPDATE"
  | "E_WIFI"
  | "E_WS_NONE";

/** One row: severity, whether trying again can help, one line for a person. */
export interface CodeInfo {
  severity: Severity;
  retriable: boolean;
  text: string;
}

/** The catalogue. */
export const CODES: { [code in Code]: CodeInfo } = {
  E_CLOCK_NONE: {
    severity: "W",
    retriable: true,
    text: "The wall clock has not been set since power-up, so no token can be signed.",
  },
  E_COMMAND_ARGS: {
    severity: "E",
    retriable: false,
    text: "An argument of a command is missing or out of its range.",
  },
  E_COMMAND_CLAIMS: {
    severity: "E",
    retriable: false,
    text: "A signed command is for another device, or lacks `jti`, `cmd` or a time, or its claims are not compact ASCII JSON.",
  },
  E_COMMAND_EARLY: {
    severity: "E",
    retriable: true,
    text: "A command was issued in the future of the device's clock.",
  },
  E_COMMAND_EXPIRED: {
    severity: "E",
    retriable: false,
    text: "A command came after its `exp`.",
  },
  E_COMMAND_FAULT: {
    severity: "E",
    retriable: false,
    text: "A command of the program's own threw.",
  },
  E_COMMAND_OLD: {
    severity: "E",
    retriable: false,
    text: "A command is no newer than one that was obeyed and forgotten, or that the device obeyed before its restart.",
  },
  E_COMMAND_RATE: {
    severity: "W",
    retriable: true,
    text: "More commands came than the device obeys: 10 at once, then one each 5 s.",
  },
  E_COMMAND_SIZE: {
    severity: "E",
    retriable: false,
    text: "The result of a command is too long to be sent.",
  },
  E_COMMAND_UNKNOWN: {
    severity: "E",
    retriable: false,
    text: "The device's program has no such command.",
  },
  E_CONFIG: {
    severity: "E",
    retriable: false,
    text: "The configuration file is missing, no JSON object, or has a key that is wrong.",
  },
  E_HASH_NONE: {
    severity: "E",
    retriable: false,
    text: "This interpreter build has no SHA-256, so no beat can be signed.",
  },
  E_HTTP_CLOSED: {
    severity: "E",
    retriable: true,
    text: "The service was stopped before the server answered.",
  },
  E_HTTP_NONE: {
    severity: "W",
    retriable: false,
    text: "Over HTTP only heartbeats can be sent.",
  },
  E_HTTP_PROTOCOL: {
    severity: "E",
    retriable: true,
    text: "The peer's answer is not HTTP/1.1, is too large, or is not that of a heartbeat server.",
  },
  E_HTTP_QUEUE: {
    severity: "E",
    retriable: true,
    text: "Too many heartbeats wait for the server's answer.",
  },
  E_HTTP_STATUS: {
    severity: "E",
    retriable: true,
    text: "The server answered with an error status; `code` is that of its problem body.",
  },
  E_HTTP_TIMEOUT: {
    severity: "W",
    retriable: true,
    text: "Connection, head or body of an answer did not come within its bound.",
  },
  E_JOB: {
    severity: "E",
    retriable: true,
    text: "A scheduled job threw, or there are too many jobs; the others go on.",
  },
  E_JSON: {
    severity: "E",
    retriable: true,
    text: "The application's members threw or could not be serialised.",
  },
  E_KEY: {
    severity: "E",
    retriable: false,
    text: "A new key has the id of the present one, or the one before it has not proved itself yet.",
  },
  E_LED_NONE: {
    severity: "E",
    retriable: false,
    text: "The board has no LED to blink.",
  },
  E_MEMORY: {
    severity: "E",
    retriable: true,
    text: "Too little memory is free to build a beat.",
  },
  E_MQTT_BUFFER: {
    severity: "E",
    retriable: true,
    text: "The broker does not read: the bytes waiting to be sent have reached their bound.",
  },
  E_MQTT_CLOSED: {
    severity: "E",
    retriable: true,
    text: "The service was stopped, or its connection ended, before the answer came.",
  },
  E_MQTT_DENIED: {
    severity: "E",
    retriable: false,
    text: "The broker has ended three connections in a row instead of acknowledging this message.",
  },
  E_MQTT_OFFLINE: { severity: "E", retriable: true, text: "There is no connection to the broker." },
  E_MQTT_PROTOCOL: {
    severity: "E",
    retriable: true,
    text: "The peer sent something that MQTT 3.1.1 forbids.",
  },
  E_MQTT_REFUSED: {
    severity: "E",
    retriable: true,
    text: "The broker refused the connection; the code is that of CONNACK (section 3.2.2.3).",
  },
  E_MQTT_SUBSCRIBE: {
    severity: "E",
    retriable: false,
    text: "The broker refused a subscription (SUBACK 0x80, section 3.9.3).",
  },
  E_MQTT_TIMEOUT: {
    severity: "W",
    retriable: true,
    text: "CONNACK, PINGRESP, PUBACK or SUBACK did not come within its bound.",
  },
  E_MQTT_WINDOW: {
    severity: "E",
    retriable: true,
    text: "Too many messages wait for their acknowledgement.",
  },
  E_NET: {
    severity: "W",
    retriable: true,
    text: "The connection could not be opened or was lost.",
  },
  E_STORE: { severity: "E", retriable: true, text: "A file could not be written to flash." },
  E_TIME: {
    severity: "W",
    retriable: true,
    text: "No time server answered, or none is to be believed.",
  },
  E_TLS_NONE: {
    severity: "E",
    retriable: false,
    text: "This interpreter build has no TLS, so an address that wants it cannot be reached.",
  },
  E_UDP_NONE: {
    severity: "E",
    retriable: false,
    text: "This interpreter build has no UDP, so no time server can be asked.",
  },
  E_UPDATE: {
    severity: "E",
    retriable: true,
    text: "A new bundle was not accepted; the running one stays.",
  },
  E_WIFI: { severity: "W", retriable: true, text: "The access point could not be joined." },
  E_WS_NONE: {
    severity: "E",
    retriable: false,
    text: "This interpreter build has no SHA-1, so no handshake of a WebSocket can be checked.",
  },
};
