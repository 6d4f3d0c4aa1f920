import { status } from '@grpc/grpc-js';
import type { PubSub } from '@google-cloud/pubsub';
import { type ConnectionConfig, ConnectorError } from '#lib/connector-sdk';
import { Ending } from '../ending.ts';
import type { Dial } from '../socket.ts';
import { type Access, Channel, type Service } from './channel.ts';
import type { Channels } from './channels.ts';
import type { ResolvedGooglePubSubConfig } from './config.ts';
import { doorstepPort } from './dialled-credentials.ts';
import { parseKeyFile } from './key-file.ts';
import type { Listed } from './listing.ts';
import { hasCode } from './reasons.ts';

type Config = ConnectionConfig<ResolvedGooglePubSubConfig>;

/** What one integration has of a channel. Ends with the channel's link, when its attempt to connect is given up, or closed; others who share the channel go on. */
export class Client extends Ending {
  readonly projectId: string;
  readonly #channel: Channel;
  readonly #member: Dial;
  readonly #unhear: () => void;

  constructor(channel: Channel, member: Dial, streams: number) {
    super();
    this.projectId = channel.projectId;
    this.#channel = channel;
    this.#member = member;
    channel.join(member, streams);
    this.#unhear = channel.dialler.onEnd((error) => void this.end(error));
    this.endOnAbort(member.signal);
  }

  get pubsub(): PubSub {
    return this.#channel.pubsub;
  }

  /** It was connected: something may have been sent. */
  get wasReady(): boolean {
    return this.#channel.dialler.wasReady;
  }

  /** The outcome of a call, or sooner why the link is gone. */
  readonly call = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await this.orEnd(work);
    } catch (error) {
      // The link may be a black hole: whoever connects next, this integration first, is to find out on another.
      if (hasCode(error, status.DEADLINE_EXCEEDED)) this.#channel.retire();
      throw error;
    }
  };

  /** Our subscriptions in the project, as of up to 2 s from now: read once for all who share the channel. */
  async listed(): Promise<readonly Listed[]> {
    return await this.orEnd(this.#channel.listing.get());
  }

  /** As {@link call}, when it is its turn among all who publish over the connection. Nothing is said of the link by one that gets no answer. */
  async publish<T>(work: () => Promise<T>): Promise<T> {
    const begun = (): Promise<T> => (this.error === undefined ? work() : Promise.reject(this.error));
    return await this.orEnd(this.#channel.publishes.take(this, begun));
  }

  /** Ends what is under way, and the connection if nobody else uses it. End its streams first. */
  async close(): Promise<void> {
    this.end(new ConnectorError('lost', 'The connection was closed.'));
    await this.#channel.leave(this.#member);
  }

  protected release(): void {
    if (this.#member.signal.aborted) this.#channel.retire();
    this.#unhear();
  }
}

/** Throws ConnectorError for a key file that can't be used. */
function accessOf({ keyJson, credential, projectId }: ResolvedGooglePubSubConfig, service: Service | undefined): Access {
  const source = keyJson ?? credential?.keyJson;
  if (source === undefined) throw new ConnectorError('misconfigured', 'There is no key file: give keyJson or a service credential.');
  const key = parseKeyFile(source);
  if (typeof key === 'string') throw new ConnectorError('misconfigured', `The key file ${key}.`);
  const project = projectId ?? key.projectId;
  if (project === undefined) throw new ConnectorError('misconfigured', 'projectId is required, for the key file names no project.');
  return { key, projectId: project, service };
}

/** A client with a connection of its own, not connected yet: the first call dials. Rejects ConnectorError for a key file that can't be used. */
export async function openClient({ config }: Config, dial: Dial, service: Service | undefined): Promise<Client> {
  const access = accessOf(config, service);
  return new Client(new Channel(access, await doorstepPort(), dial.step), dial, 0);
}

/** As {@link openClient}, on a connection that others may share, with a stream for each topic. */
export async function joinClient(config: Config, dial: Dial, service: Service | undefined, channels: Channels): Promise<Client> {
  const access = accessOf(config.config, service);
  const streams = Math.max(1, config.topics.length);
  const doorstep = await doorstepPort();
  return new Client(channels.find(config.applicationId, access, streams, doorstep), dial, streams);
}
