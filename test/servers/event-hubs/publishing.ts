import rhea from 'rhea';
import type { HubEvent } from './hub.ts';

const DATA = 0x75;
const PARTITION_KEY = 'x-opt-partition-key';

interface Section {
  readonly typecode: number;
  readonly content: Buffer | readonly Buffer[];
}

const sectionsOf = (body: unknown): readonly Buffer[] => {
  const { typecode, content } = body as Section;
  if (typecode !== DATA) throw new Error('the envelope of a batch has data sections only');
  return Array.isArray(content) ? (content as readonly Buffer[]) : [content as Buffer];
};

type Annotations = Record<string, string> | undefined;

/** Of the envelope that clients put their events in. */
export const BATCH_FORMAT = 0x80013700;

/** The events in an envelope: each of its data sections is a whole message. */
export function eventsIn(envelope: Buffer): HubEvent[] {
  const { body, message_annotations: annotations } = rhea.message.decode(envelope);
  return sectionsOf(body).map((bytes) => {
    const { body: inner, application_properties: properties, message_annotations: own } = rhea.message.decode(bytes);
    return {
      body: (inner as Section | undefined)?.typecode === DATA ? Buffer.concat([...sectionsOf(inner)]) : inner,
      properties: properties as Record<string, unknown> | undefined,
      partitionKey: (own as Annotations)?.[PARTITION_KEY] ?? (annotations as Annotations)?.[PARTITION_KEY],
    };
  });
}
