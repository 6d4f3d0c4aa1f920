import type { Socket } from 'node:net';
import { type ClientConfig, PubSub } from '@google-cloud/pubsub';
import { type ChannelCredentials, Metadata, credentials } from '@grpc/grpc-js';
import { ConnectorError } from '#lib/connector-sdk';
import { type Dial, dialThroughAny } from '../socket.ts';
import { DialledCredentials } from './dialled-credentials.ts';
import { Dialler } from './dialler.ts';
import type { ServiceAccountKey } from './key-file.ts';
import { Listing, listSubscriptions } from './listing.ts';
import { selfSignedTokens } from './signed-token.ts';
import { Turns } from './turns.ts';

const TLS_PORT = 443;
/** Google lets a connection carry 100 streams; what is beyond waits in silence. Calls that tell whether a link lives must not wait behind messages that are sent. */
const MAX_PUBLISHES = 40;
/** Of one that uses it. */
const MAX_PUBLISHES_EACH = 30;
/**
 * Of a stream, and of all together: what may be on its way unread. HTTP/2's 64 KB would let all who share a connection receive 2 MB/s together, from 30 ms away.
 * Google sends a stream no more than its flow control asks for, so what waits here stays bounded by that.
 */
const WINDOW_BYTES = 1024 * 1024;

/** Instead of Google's own service. */
export interface Service {
  readonly host: string;
  readonly port: number;
  /** `plain`: gRPC without TLS and authentication, as Google's emulator has it. Else the PEM of the authority that is trusted. */
  readonly trust: 'plain' | { readonly ca: string };
}

/** Who calls, in whose name, and where. */
export interface Access {
  readonly key: ServiceAccountKey;
  readonly projectId: string;
  readonly service: Service | undefined;
}

/** One context for all: one for each costs ten times the memory. */
let googleTls: ChannelCredentials | undefined;

function credentialsOf(service: Service | undefined, key: ServiceAccountKey, dialler: Dialler): ChannelCredentials {
  if (service?.trust === 'plain') return new DialledCredentials(credentials.createInsecure(), dialler.connect);
  const tls = service === undefined ? (googleTls ??= credentials.createSsl()) : credentials.createSsl(Buffer.from(service.trust.ca));
  const token = selfSignedTokens(key);
  return credentials.combineChannelCredentials(
    new DialledCredentials(tls, dialler.connect),
    credentials.createFromMetadataGenerator((_call, done) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${token()}`);
      done(null, metadata);
    }),
  );
}

/**
 * One connection to Pub/Sub, dialled by the first call, with Google's client on top of it, for all who joined. When the link breaks it ends, for all of them;
 * else when the last one left.
 */
export class Channel {
  readonly projectId: string;
  readonly pubsub: PubSub;
  readonly dialler: Dialler;
  readonly publishes = new Turns(MAX_PUBLISHES, MAX_PUBLISHES_EACH);
  readonly listing = new Listing(async () => await listSubscriptions(this.pubsub, async (work) => await this.dialler.orEnd(work)));
  /** Streams that each keeps open. */
  readonly #members = new Map<Dial, number>();
  #retired = false;

  /** `doorstep`: the port that the library may connect to (ADR 0011). Throws ConnectorError when the key can't sign. */
  constructor({ key, projectId, service }: Access, doorstep: number, step?: Dial['step']) {
    const { host, port } = service ?? { host: `pubsub.${key.universeDomain}`, port: TLS_PORT };
    this.projectId = projectId;
    this.dialler = new Dialler({ host, port, dial: this.#dial, ...(service?.trust !== 'plain' && step !== undefined ? { step } : {}) });
    const grpc = {
      'grpc.default_authority': host,
      'grpc.ssl_target_name_override': host,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // A record of events for a debugger that nobody runs.
      'grpc.enable_channelz': 0,
      'grpc-node.flow_control_window': WINDOW_BYTES,
    };
    this.pubsub = new PubSub({
      ...grpc,
      projectId,
      // Said outright, each of these keeps the library from looking for one of its own in the environment, in files or at the metadata server.
      apiEndpoint: `127.0.0.1:${doorstep}`,
      emulatorMode: false,
      sslCreds: credentialsOf(service, key, this.dialler),
      authClient: { universeDomain: key.universeDomain } as NonNullable<ClientConfig['authClient']>,
      universeDomain: key.universeDomain,
    });
  }

  /** Streams that stay open over the connection. */
  get streams(): number {
    let sum = 0;
    for (const streams of this.#members.values()) sum += streams;
    return sum;
  }

  /** Whether others may join. */
  get open(): boolean {
    return !this.#retired && this.dialler.error === undefined;
  }

  join(member: Dial, streams: number): void {
    this.#members.set(member, streams);
  }

  /** The last one closes the connection. */
  async leave(member: Dial): Promise<void> {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.retire();
    try {
      await this.pubsub.close();
    } finally {
      this.dialler.end(new ConnectorError('lost', 'The connection was closed.'));
    }
  }

  /** Nobody joins any more: the link is in doubt. Those who are there find out for themselves. */
  retire(): void {
    this.#retired = true;
  }

  /** Through whoever is there; the connection is everyone's. One that gives up meanwhile leaves it to the next. */
  readonly #dial = (host: string, port: number): Promise<Socket> => dialThroughAny(this.#members.keys(), host, port);
}
