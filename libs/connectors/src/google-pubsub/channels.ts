import { createHash } from 'node:crypto';
import { type Access, Channel } from './channel.ts';

/** Streams on a connection that is shared: Google allows 100 at once, what is beyond waits in silence, and calls need theirs. */
const MAX_SHARED_STREAMS = 40;

/** The connections that integrations share: those of one application, with the same key, to the same project. */
export class Channels {
  readonly #channels = new Map<string, Set<Channel>>();

  /** One with room for so many streams that stay open, else a new one. Join it before anything else happens. Throws ConnectorError when the key can't sign. */
  find(applicationId: string, access: Access, streams: number, doorstep: number): Channel {
    const name = createHash('sha256')
      .update(JSON.stringify([applicationId, access]))
      .digest('base64');
    const alike = this.#channels.get(name) ?? new Set();
    for (const channel of alike) if (channel.open && channel.streams + streams <= MAX_SHARED_STREAMS) return channel;
    const channel = new Channel(access, doorstep);
    this.#channels.set(name, alike.add(channel));
    channel.dialler.onEnd(() => {
      alike.delete(channel);
      if (alike.size === 0 && this.#channels.get(name) === alike) this.#channels.delete(name);
    });
    return channel;
  }
}
