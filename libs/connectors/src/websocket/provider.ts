import type { Provider } from '#lib/connector-sdk';
import type { WebsocketConfig } from './config.ts';

/** Any WebSocket server. README.md beside this file says what a user may rely on. The client library is loaded at the first connect. */
export function websocketProvider(): Provider<WebsocketConfig> {
  return {
    connect: async (connection, context) => {
      const { openSession } = await import('./session.ts');
      return await openSession(connection.config, context);
    },
  };
}
