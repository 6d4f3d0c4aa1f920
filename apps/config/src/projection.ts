import type {
  ApplicationState,
  CredentialState,
  FlowVersionState,
  IntegrationState,
  LiveKind,
  TokenState,
  WorkflowState,
} from '#lib/contracts';
import type { StoredEvent, Upcasters } from '#lib/event-sourcing';

/** How older events are lifted to today's shape. None had to be yet: an entry is added when a state's shape changes other than by growing. */
export const upcasters: Upcasters = {};

const FIELDS: { [K in LiveKind]: (state: never) => Record<string, unknown> } = {
  application: ({ name, creationDate, lastUpdated }: ApplicationState) => ({ name, creationDate, lastUpdated }),
  integration: ({ name, integrationType, creationDate, lastUpdated }: IntegrationState) => ({
    name,
    integrationType,
    creationDate,
    lastUpdated,
  }),
  credential: ({ name, type, creationDate, lastUpdated }: CredentialState) => ({ name, type, creationDate, lastUpdated }),
  workflow: ({ name, flowClass, triggers, defaultVersion, creationDate, lastUpdated }: WorkflowState) => ({
    name,
    flowClass,
    triggers: triggers.map(({ type, key }) => ({ type, key })),
    ...(defaultVersion === undefined ? {} : { defaultVersionId: defaultVersion.id }),
    creationDate,
    lastUpdated,
  }),
  flowVersion: ({ flowId, version, creationDate, lastUpdated }: FlowVersionState) => ({ flowId, version, creationDate, lastUpdated }),
  token: ({ name, status, tokenHash, expirationDate, creationDate, lastUpdated }: TokenState) => ({
    name,
    status,
    tokenHash,
    expirationDate,
    creationDate,
    lastUpdated,
  }),
};

/** What lists sort and filter by, and a token is found by. */
export const project = (event: StoredEvent): Record<string, unknown> => FIELDS[event.kind as LiveKind](event.state as never);
