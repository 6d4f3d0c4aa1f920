import type { Provider } from '#lib/connector-sdk';
import type { TlsSettings } from '../tls.ts';
import type { ResolvedSqsConfig } from './config.ts';
import type { Pace } from './connection.ts';
import { targetOf } from './target.ts';

/** Polls of 5 s end in time when the connection is to be closed, and are proof of life more often than the runtime asks for one. */
const PACE: Pace = { waitS: 5, visibilityS: 30 };

export interface SqsProviderOptions {
  /** For tests. */
  readonly pace?: Partial<Pace>;
  /** For tests: an authority of their own. */
  readonly tls?: TlsSettings;
}

/** Amazon SQS, standard and FIFO. README.md beside this file says what a user may rely on. */
export function sqsProvider({ pace, tls }: SqsProviderOptions = {}): Provider<ResolvedSqsConfig> {
  return {
    connect: async ({ config }, context) => {
      const target = targetOf(config);
      // Amazon's client is loaded where there is a queue to connect to: a connector that has none is spared its memory.
      const [{ SqsConnection }, { Queue }] = await Promise.all([import('./connection.ts'), import('./queue.ts')]);
      const connection = new SqsConnection(new Queue(target, context, tls), target, context, { ...PACE, ...pace });
      await connection.open();
      return connection;
    },
    sender: async ({ config }, context) => {
      const target = targetOf(config);
      const [{ senderTo }, { Queue }] = await Promise.all([import('./outbound.ts'), import('./queue.ts')]);
      return senderTo(new Queue(target, context, tls), context);
    },
    check: async ({ config }, context) => {
      const target = targetOf(config);
      const { check } = await import('./check.ts');
      await check(target, context, tls);
    },
  };
}
