import type { Provider } from '#lib/connector-sdk';
import type { ParticleConfig } from './config.ts';

/** The Particle cloud at `url`. README.md beside this file says what a user may rely on. The parser is loaded at the first connect. */
export function particleProvider({ url }: { readonly url: URL }): Provider<ParticleConfig> {
  return {
    connect: async (connection, context) => {
      const { openSession } = await import('./session.ts');
      return await openSession(url, connection, context);
    },
    sender: async (connection, context) => {
      const { openSender } = await import('./sender.ts');
      return openSender(url, connection, context);
    },
    check: async (connection, context) => {
      const { check } = await import('./check.ts');
      await check(url, connection, context);
    },
    // With its device and its time an event is like no other.
    copies: ({ attributes, body }) => `${JSON.stringify(attributes)}${Buffer.from(body).toString('latin1')}`,
  };
}
