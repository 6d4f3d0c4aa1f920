import type { ReceivedMessage } from '#lib/connector-sdk';
import { within } from '../time/deadline.ts';
import type { Dialer, DialerOwner } from './dialer.ts';
import type { Intake } from '../inbound/intake.ts';
import type { Link } from './link.ts';
import { Overlap } from './overlap.ts';
import type { Shared } from '../shared.ts';

/** Where each link is sent all messages, the old one gets this long to bring what was sent before the new one was there, ms. */
const CATCH_UP_MS = 10_000;
/** What both links brought comes through the new one within this of its first reading, as long as it isn't held back, ms. */
const OVERLAP_MS = 10_000;

/** Hears what becomes of a link that is closed anyway. */
const UNHEARD: DialerOwner = { up: () => undefined, down: () => undefined };

/** The messages of two links of one integration while one takes over from the other: none is lost, and none is taken twice. */
export class Handover {
  readonly #shared: Shared;
  readonly #intake: Intake;
  /** Whose messages are noted, as the new link brings them too. */
  #noted: Link | undefined;
  #leaving: Dialer | undefined;

  constructor(shared: Shared, intake: Intake) {
    this.#shared = shared;
    this.#intake = intake;
  }

  /** Nothing is read from the new link until it takes over, and nothing is taken from it that the link which stands brings too. */
  begin(current: Link | undefined, next: Link): void {
    next.stopReading();
    const { provider, metrics } = this.#shared;
    if (provider.copies === undefined || current === undefined) return;
    const contentOf = (message: ReceivedMessage): string => provider.copies?.(message) ?? '';
    const overlap = new Overlap();
    current.admits = (message) => {
      overlap.brought(contentOf(message));
      return true;
    };
    next.admits = (message) => {
      if (!overlap.repeats(contentOf(message))) return true;
      metrics.notStored.inc({ reason: 'copy' });
      return false;
    };
    this.#noted = current;
  }

  /** The new link won't take over. */
  cancel(): void {
    if (this.#noted !== undefined) this.#noted.admits = undefined;
    this.#noted = undefined;
  }

  /**
   * Closes the old link in order. Its successor reads from now on where the provider shares messages out among its links; where each is sent all of them, once
   * the old one has brought its last: what it brought is known then.
   */
  async retire(old: Dialer, successor: Link | undefined): Promise<void> {
    old.owner = UNHEARD;
    this.#leaving = old;
    const copies = this.#shared.provider.copies !== undefined;
    if (copies) await this.#catchUp(old);
    else successor?.readOn();
    await old.drain();
    old.end();
    this.#leaving = undefined;
    this.cancel();
    if (!copies || successor === undefined) return;
    successor.readOn();
    this.#forgetLater(successor);
  }

  /** Gives up what is left of the old link. */
  cut(): void {
    this.#leaving?.cut();
  }

  /** A link that answers has brought all that was sent before. One that doesn't in time, as it is held back, takes what it still had to bring with it. */
  async #catchUp(old: Dialer): Promise<void> {
    const { link, connection } = old;
    if (link === undefined || connection === undefined) return;
    const answered = connection.probe().then(
      () => true,
      () => false,
    );
    if (await within(this.#shared.wheel, CATCH_UP_MS, answered, () => false)) return;
    this.#intake.gap(link.provenAt, this.#shared.clock.epoch(), 'The link was changed before all that was sent to it was read.');
  }

  #forgetLater(link: Link): void {
    this.#shared.wheel.after(OVERLAP_MS, () => {
      if (link.held) this.#forgetLater(link);
      else link.admits = undefined;
    });
  }
}
