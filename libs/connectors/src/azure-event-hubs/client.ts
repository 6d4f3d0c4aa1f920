import { randomUUID } from 'node:crypto';
import { EventHubConsumerClient, type EventHubConsumerClientOptions, EventHubProducerClient } from '@azure/event-hubs';
import { ConnectorError } from '#lib/connector-sdk';
import type { Dial } from '../socket.ts';
import type { TlsSettings } from '../tls.ts';
import type { Target } from './target.ts';
import { Transport } from './transport.ts';
import { withinMs } from '../within.ts';

/** Nothing is tried twice by the client: the runtime decides what follows a failure. An attempt to connect gets 10 s in all. */
const ATTEMPT_MS = 8_000;
/** For a send to be accepted. */
const SEND_MS = 4_000;
/** For detaching links in order, ms. */
export const CLOSE_MS = 1_500;

/** How often the client would start again to read what it gave up by itself: whatever it gives up ends the connection before. */
const LOOP_MS = 3_600_000;

/** Where the client would go by itself, if it ever did: nobody is there. */
const NOWHERE = 'sb://127.0.0.1:1';

export interface Client<C> {
  readonly client: C;
  readonly transport: Transport;
  /** Closes links and connection, in order while the connection lives and answers. Never rejects. */
  close(): Promise<void>;
}

/** A client with a connection of its own; the first call dials. */
function open<C extends { close(): Promise<void> }>(
  make: (options: Pick<EventHubConsumerClientOptions, 'retryOptions' | 'webSocketOptions' | 'customEndpointAddress'>) => C,
  { target, context, tls, timeoutMs }: { target: Target; context: Dial; tls: TlsSettings | undefined; timeoutMs: number },
): Client<C> {
  const transport = new Transport(target, context, tls);
  const client = make({
    retryOptions: { maxRetries: 0, timeoutInMs: timeoutMs },
    webSocketOptions: { webSocket: transport.webSocket },
    customEndpointAddress: NOWHERE,
  });
  return {
    client,
    transport,
    close: async () => {
      // Where the connection is gone it throws of each link; where it is silent it waits long.
      const closed = client.close().catch(() => undefined);
      if (transport.error === undefined) await withinMs(CLOSE_MS, closed);
      transport.end(new ConnectorError('lost', 'The connection is closed.'));
    },
  };
}

/** What a client keeps its connection in, and all that goes over it. */
interface Inside {
  _context?: { readonly negotiateClaimLock?: unknown };
}

/**
 * One more client over the connection of another, for another consumer group of the same hub (ADR 0026). Only its subscriptions are its own: close them, not the client. A token for
 * each link is asked for in turn by one client; that clients wait for each other is spared them.
 */
export function overConnectionOf(owner: EventHubConsumerClient, target: Target): EventHubConsumerClient {
  const { _context: context } = owner as unknown as Inside;
  if (typeof context?.negotiateClaimLock !== 'string') throw new Error("Azure's client keeps its connection elsewhere than it did.");
  const client = new EventHubConsumerClient(target.consumerGroup, target.host, target.hub, target.access, {
    retryOptions: { maxRetries: 0, timeoutInMs: ATTEMPT_MS },
    customEndpointAddress: NOWHERE,
    loadBalancingOptions: { updateIntervalInMs: LOOP_MS },
  });
  // That of its own, which was not dialled, goes.
  (client as unknown as Inside)._context = Object.create(context, { negotiateClaimLock: { value: randomUUID() } }) as object;
  return client;
}

export const openConsumer = (target: Target, context: Dial, tls: TlsSettings | undefined): Client<EventHubConsumerClient> =>
  open((options) => new EventHubConsumerClient(target.consumerGroup, target.host, target.hub, target.access, options), {
    target,
    context,
    tls,
    timeoutMs: ATTEMPT_MS,
  });

export const openProducer = (target: Target, context: Dial, tls: TlsSettings | undefined): Client<EventHubProducerClient> =>
  open((options) => new EventHubProducerClient(target.host, target.hub, target.access, options), {
    target,
    context,
    tls,
    timeoutMs: SEND_MS,
  });
