// SPDX-License-Identifier: MIT
// What a WebSocket listener can serve: any program of bytes as MQTT over WebSocket, and an echo.
import type { Peer } from "../network/peer.ts";
import type { WebSocketProgram } from "./websocket-session.ts";

const UNSUPPORTED_DATA = 1003;

/**
 * Serves a broker over WebSocket (MQTT 3.1.1 section 6): packets need not begin with messages
 * [MQTT-6.0.0-2], the subprotocol is `mqtt` [MQTT-6.0.0-4], and text is refused [MQTT-6.0.0-1].
 */
export function mqttOverWebSocket(broker: Peer): WebSocketProgram {
  return {
    protocols: ["mqtt"], // [MQTT-6.0.0-3]
    accept: (connection) => {
      const handlers = broker.accept({
        remote: connection.remote,
        get unsentBytes() {
          return connection.unsentBytes;
        },
        write: (bytes) => connection.send(bytes),
        end: () => connection.close(),
        destroy: () => connection.destroy(),
        pause: () => connection.pause(),
        resume: () => connection.resume(),
      });
      return {
        onMessage: (data, isText) => {
          if (isText) connection.close(UNSUPPORTED_DATA);
          else handlers.onData(data);
        },
        onDrain: () => handlers.onDrain?.(),
        onClose: () => handlers.onClose(),
      };
    },
  };
}

/** Sends back each message as it came. */
export function webSocketEcho(): WebSocketProgram {
  return {
    protocols: [],
    accept: (connection) => ({
      onMessage: (data, isText) => connection.send(isText ? data.toString("utf8") : data),
      onClose: () => {},
    }),
  };
}
