import type { IntegrationState } from '#lib/contracts';
import { dial } from '#lib/egress';
import { within } from '../time/deadline.ts';
import type { Surroundings } from '../configuration/rendering.ts';
import type { Shared } from '../shared.ts';

const DISPOSE_MS = 10_000;

/** Removes what an integration left at its provider. Best effort, once: the integration is gone, and its broker may be too. */
export async function disposeOf(shared: Shared, state: IntegrationState, surroundings: Surroundings): Promise<void> {
  if (shared.provider.dispose === undefined) return;
  const abort = new AbortController();
  const log = shared.log.child({ integration: state.id });
  const context = {
    dial: (host: string, port: number) => dial(shared.egress, host, port, { signal: abort.signal }),
    signal: abort.signal,
    log: { info: (message: string) => log.info(message), warn: (message: string) => log.warn(message) },
  };
  try {
    const rendered = await shared.renderer.render(state, surroundings);
    if (!rendered.ok) return;
    const done = await within(shared.wheel, DISPOSE_MS, shared.provider.dispose(rendered.config, context), () => 'late' as const);
    if (done === 'late') log.warn('what a deleted integration left at its provider was not removed in time');
  } catch (error) {
    log.warn({ err: error }, 'what a deleted integration left at its provider could not be removed');
  } finally {
    abort.abort();
  }
}
