const HEADER_BYTES = 8;
const AMQP = 0;
const BEGIN = 0x11;
const END = 0x17;

/**
 * What the client must not send: on a session that it has ended nothing may follow. It ends one while events are still under way to it, accepts those too, and for that the service
 * closes the whole connection.
 */
export class EndedSessions {
  /** Channels; each is begun again before it is used again. */
  readonly #ended = new Set<number>();

  /** Whether a frame, as the client writes it, may be sent. Anything but a frame of AMQP may. */
  allows(frame: Uint8Array): boolean {
    if (frame.length <= HEADER_BYTES || frame[5] !== AMQP) return true;
    const channel = ((frame[6] ?? 0) << 8) | (frame[7] ?? 0);
    const performative = frame[HEADER_BYTES + 2];
    if (performative === BEGIN) this.#ended.delete(channel);
    if (this.#ended.has(channel)) return false;
    if (performative === END) this.#ended.add(channel);
    return true;
  }
}
