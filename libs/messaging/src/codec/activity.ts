import { Activity, type DeadLetter } from '#lib/contracts';
import { HeaderBlock } from './headers.ts';
import type { Encoded } from './inbound.ts';

export function encodeActivity(activity: Activity): Encoded {
  const block = new HeaderBlock()
    .set('ce-specversion', '1.0')
    .set('ce-id', activity.id)
    .set('ce-type', activity.kind)
    .set('ce-source', `/application/${activity.applicationId}`)
    .set('ce-time', activity.time)
    .set('content-type', 'application/json');
  return { block, body: Buffer.from(JSON.stringify(activity.body)) };
}

/** `activity.<applicationId>.<kind>.<id>`. Throws on what {@link encodeActivity} did not write. */
export function decodeActivity(subject: string, time: string, body: Uint8Array): Activity {
  const [, applicationId, kind, id] = subject.split('.');
  const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString());
  return Activity.parse({ kind, id, applicationId, time, body: parsed });
}

export function encodeDeadLetter(letter: DeadLetter): Encoded {
  const block = new HeaderBlock()
    .set('ce-specversion', '1.0')
    .set('ce-id', letter.id)
    .set('ce-type', letter.reason)
    .set('ce-source', `/${letter.stage}/${letter.sourceId}`)
    .set('ce-time', letter.time)
    .set('content-type', 'application/json');
  return { block, body: Buffer.from(JSON.stringify(letter)) };
}
