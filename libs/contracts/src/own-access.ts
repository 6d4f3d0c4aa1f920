import type { FieldIssue } from './resources/errors.ts';

/** How nodes that send authenticate themselves where they name no integration (WORKFLOWS §5). */
interface OwnAccess {
  /** Exactly one of these: fields that go together, the one that tells it first. */
  readonly oneOf: readonly (readonly string[])[];
  /** What an integration would have said, whichever way it is. */
  readonly needs: readonly string[];
}

type Config = Readonly<Record<string, unknown>>;

const OWN_ACCESS = {
  SqsSendNode: () => ({
    oneOf: [['credentialNameTemplate'], ['accessKeyIdTemplate', 'secretAccessKeyTemplate', 'regionTemplate']],
    needs: ['queueUrl'],
  }),
  AzureEventHubPublishNode: () => ({ oneOf: [['credentialNameTemplate', 'hostNameTemplate'], ['connectionString']], needs: ['hubName'] }),
  GooglePublishNode: ({ jwtDataMethod }) => ({
    oneOf: [['credentialNameTemplate'], [jwtDataMethod === 'payloadPath' ? 'jwtDataPayloadPath' : 'jwtDataTemplate']],
    needs: [],
  }),
  ParticleCallNode: () => ({ oneOf: [['accessToken']], needs: ['deviceTemplate'] }),
} satisfies Record<string, (config: Config) => OwnAccess>;

export type OwnAccessNode = keyof typeof OWN_ACCESS;

export const hasOwnAccess = (type: string): type is OwnAccessNode => Object.hasOwn(OWN_ACCESS, type);

/** Why a node's configuration doesn't say who sends: by `integrationId`, which goes before all else, or by exactly one way of its own. Paths begin in it. */
export function accessIssues(type: OwnAccessNode, config: Config): FieldIssue[] {
  const given = (field: string): boolean => config[field] !== undefined && config[field] !== '';
  if (given('integrationId')) return [];
  const { oneOf, needs }: OwnAccess = OWN_ACCESS[type](config);
  const [way, ...others] = oneOf.filter((fields) => fields.some(given));
  if (way === undefined)
    return [{ path: ['integrationId'], message: `is required, or ${oneOf.map((fields) => fields.join(' with ')).join(', or ')}` }];
  const [first = ''] = way.filter(given);
  const missing = (field: string): boolean => !given(field);
  return [
    ...others
      .flat()
      .filter(given)
      .map((field) => ({ path: [field], message: `can not be combined with ${first}: choose one way to authenticate` })),
    ...way.filter(missing).map((field) => ({ path: [field], message: `is required together with ${first}` })),
    ...needs.filter(missing).map((field) => ({ path: [field], message: 'is required unless integrationId is given' })),
  ];
}
