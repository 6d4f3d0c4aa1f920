import { createThreads, type Job, NoAnswer, workerFile } from '../threads.ts';
import type { ValidationAnswer, ValidationRequest } from './protocol.ts';

/** Something to be validated. `value` undefined: there is nothing. */
export interface Validation extends Omit<Job<never>, 'request'> {
  /** JSON text of a JSON Schema. */
  readonly schema: string;
  readonly value: unknown;
}

export interface Validator {
  /** Never rejects for what schema and value are. */
  validate(validation: Validation): Promise<ValidationAnswer>;
  close(): Promise<void>;
}

/** A validation takes milliseconds; the first of a thread a second, ms. */
const GIVE_UP_MS = 10_000;
const MEMORY_MB = 128;

/** Validates by JSON Schema in threads of its own, which end with a schema that takes too long or too much. */
export function createValidator(giveUpMs = GIVE_UP_MS): Validator {
  const threads = createThreads<ValidationRequest, ValidationAnswer>({
    file: workerFile(import.meta.url),
    giveUpMs,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
  });
  return {
    validate: async ({ schema, value, applicationId, abandoned }) => {
      try {
        return await threads.run({ applicationId, abandoned, request: () => ({ schema, json: JSON.stringify(value) }) });
      } catch (error) {
        return refusalOf(error);
      }
    },
    close: () => threads.close(),
  };
}

function refusalOf(error: unknown): ValidationAnswer {
  const refused = (name: string, message: string): ValidationAnswer => ({ ok: false, name, message });
  if (!(error instanceof NoAnswer)) return refused('TypeError', error instanceof Error ? error.message : String(error));
  if (error.code === 'abandoned') return refused('Abandoned', error.message);
  return refused('SchemaLimit', 'validating by this schema takes too long or too much memory');
}
