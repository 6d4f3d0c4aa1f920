import type { CheckContext, ConnectionConfig } from '#lib/connector-sdk';
import { isEventStream, streamRequest } from './addresses.ts';
import type { ParticleConfig } from './config.ts';
import { streamRefused } from './reasons.ts';
import { exchange } from './request.ts';

/** Of a token that is known: it may not, or there is no such thing. */
const KNOWN: ReadonlySet<number> = new Set([403, 404]);

/** Opens the event stream, and ends it before an event is read. */
export async function check(url: URL, { config, topics }: ConnectionConfig<ParticleConfig>, context: CheckContext): Promise<void> {
  const answer = await exchange({ url, accessToken: config.accessToken }, streamRequest(config, topics), context);
  answer.body.destroy();
  const refusal = isEventStream(answer) ? undefined : streamRefused(answer, Date.now());
  await context.step('authenticate', 'Particle accepts accessToken.', async () => {
    if (refusal !== undefined && !KNOWN.has(answer.statusCode)) throw refusal;
  });
  await context.step('authorise', 'accessToken allows the events that are asked for.', async () => {
    if (refusal !== undefined) throw refusal;
  });
}
