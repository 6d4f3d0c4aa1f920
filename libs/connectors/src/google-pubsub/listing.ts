import type { PubSub } from '@google-cloud/pubsub';
import { bareName, hasOwner } from './names.ts';

/** No call is repeated by the library, and each has its end, ms. */
export const CALL = { timeout: 8_000, retry: null };
const PAGE = 500;
/** Subscriptions of a project that are looked through for ours: 10,000. */
const MAX_PAGES = 20;
/** Who asks within this is told the same, ms. */
const GATHER_MS = 2_000;

/** A subscription with our label, by its bare name. */
export interface Listed {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Those in the project that carry our label. `call` waits for a call's outcome. Rejects with what the library rejects with. */
export async function listSubscriptions(pubsub: PubSub, call: <T>(work: Promise<T>) => Promise<T>): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  let pageToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { pageSize: PAGE, autoPaginate: false, gaxOpts: CALL, ...(pageToken === undefined ? {} : { pageToken }) };
    const [found, next] = await call(pubsub.getSubscriptions(query));
    for (const { name, metadata } of found) {
      const labels = metadata?.labels;
      if (hasOwner(labels)) listed.push({ name: bareName(name), labels });
    }
    pageToken = (next as { pageToken?: string } | null)?.pageToken;
    if (pageToken === undefined || pageToken === '') break;
  }
  return listed;
}

/** The list of a project, read once for all who ask at about the same time: each by itself would read what grows with their number. */
export class Listing {
  #next: Promise<readonly Listed[]> | undefined;

  constructor(private readonly read: () => Promise<readonly Listed[]>) {}

  /** As it is when all have asked, up to 2 s from now. */
  get(): Promise<readonly Listed[]> {
    this.#next ??= new Promise<void>((resolve) => {
      setTimeout(resolve, GATHER_MS).unref();
    }).then(async () => {
      this.#next = undefined;
      return await this.read();
    });
    return this.#next;
  }
}
