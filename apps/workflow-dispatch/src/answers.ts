import { AppliedRequest, appliedSubject, type SettledReply, settledSubject } from '#lib/contracts';
import type { Bus, ConfigFollower } from '#lib/messaging';
import type { Dispatch } from './dispatch.ts';

/** Whoever asks waits no longer, ms; nor does a hand-over that meets a question. */
const WITHIN_MS = 2_000;

export interface AnswersOptions {
  readonly bus: Pick<Bus, 'serve'>;
  readonly follower: Pick<ConfigFollower, 'reachedEvent'>;
  readonly dispatch: Pick<Dispatch, 'settledThrough'>;
}

/** Tells of one partition when an event of the configuration is what messages are decided by, and how far TRIGGERED is settled. */
export function answer({ bus, follower, dispatch }: AnswersOptions, partition: number): { stop(): Promise<void> } {
  const applied = bus.serve(appliedSubject(partition), async (_, body) => {
    const { eventPosition } = AppliedRequest.parse(JSON.parse(Buffer.from(body).toString()));
    await follower.reachedEvent(eventPosition, WITHIN_MS);
    return new Uint8Array();
  });
  const settled = bus.serve(settledSubject(partition), async () => {
    const reply: SettledReply = { through: dispatch.settledThrough(partition) };
    return Buffer.from(JSON.stringify(reply));
  });
  return { stop: async () => void (await Promise.all([applied.stop(), settled.stop()])) };
}
