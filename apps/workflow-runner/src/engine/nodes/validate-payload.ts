import { getPath } from '#lib/templating';
import { z } from 'zod';
import { NodeError } from '../errors.ts';
import type { NodeType, Outcome, Step } from '../node.ts';
import { isPath, path } from './config.ts';
import { put } from './payload.ts';

const Config = z
  .looseObject({
    schemaType: z.enum(['json', 'path'], 'must be json or path').default('json'),
    /** JSON text of a schema, or the path at which one stands. */
    schema: z.string('is required').min(1, 'is required'),
    /** The whole payload when empty. */
    toValidatePath: path,
    errorsPath: path,
  })
  .superRefine(({ schemaType, schema }, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', path: ['schema'], message });
    if (schemaType === 'path' && !isPath(schema)) refuse('must be a payload path, as working.schema');
    if (schemaType === 'json' && !isJson(schema)) refuse('must be JSON');
  });
type Config = z.infer<typeof Config>;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** Output 1 when the payload, or a part of it, is as a JSON Schema says, else 0; what is wrong is a list at `errorsPath`, empty where nothing is. */
export const validatePayload: NodeType<Config> = {
  type: 'ValidatePayloadNode',
  config: Config,
  action: (config) => (step) => validate(step, config),
};

async function validate(step: Step, { schemaType, schema, toValidatePath, errorsPath }: Config): Promise<Outcome> {
  const { ports, payload, run } = step;
  const answer = await ports.validate({
    schema: schemaType === 'json' ? schema : schemaAt(step, schema),
    value: getPath(payload, toValidatePath === '' ? '.' : toValidatePath),
    applicationId: run.applicationId,
    abandoned: () => step.over,
  });
  if (!answer.ok) throw new NodeError(answer.name, `schema: ${answer.message}`);
  const { errors } = answer;
  return { payload: errorsPath === '' ? payload : put(step, payload, errorsPath, errors), output: errors.length === 0 ? 1 : 0 };
}

function schemaAt({ payload }: Step, at: string): string {
  const schema = getPath(payload, at);
  if (schema === undefined) throw new NodeError('RequiredPath', `schema: there is nothing at ${at}`);
  return typeof schema === 'string' ? schema : JSON.stringify(schema);
}
