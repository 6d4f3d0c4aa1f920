import { type ApplicationState, type IntegrationState, type IntegrationType, PlanLimits } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';

/** An integration as it is wanted. */
export interface Wanted {
  readonly state: IntegrationState;
  readonly version: number;
}

/** What a change asks for. */
export type Effect =
  | { readonly kind: 'integration'; readonly id: string }
  | { readonly kind: 'deleted'; readonly id: string; readonly applicationId: string; readonly last: IntegrationState | undefined }
  | { readonly kind: 'application'; readonly id: string; readonly integrations: readonly string[] };

interface Stamp {
  readonly epoch: number;
  readonly version: number;
}
const isNewer = (a: Stamp, b: Stamp | undefined): boolean =>
  b === undefined || a.epoch > b.epoch || (a.epoch === b.epoch && a.version > b.version);

/** Deletions remembered, so that an older update which comes late doesn't bring one back. */
const MAX_DELETED = 100_000;

const DEFAULT_LIMITS = PlanLimits.parse({});

/** The configuration of one provider's integrations as CONFIG has it: the highest (epoch, version) of each wins, whatever order they come in. */
export class Desired {
  readonly #type: IntegrationType;
  readonly #integrations = new Map<string, { state: IntegrationState; stamp: Stamp }>();
  readonly #applications = new Map<string, { state: ApplicationState | undefined; stamp: Stamp; integrations: Set<string> }>();
  readonly #deleted = new Map<string, Stamp>();

  constructor(type: IntegrationType) {
    this.#type = type;
  }

  /** Undefined: nothing to do. */
  apply(change: ConfigChange): Effect | undefined {
    const stamp = { epoch: change.epoch, version: change.version };
    if (change.kind === 'application') return this.#application(change as ConfigChange<'application'>, stamp);
    if (change.kind === 'integration' && change.type === this.#type) return this.#integration(change as ConfigChange<'integration'>, stamp);
    return undefined;
  }

  get(id: string): Wanted | undefined {
    const found = this.#integrations.get(id);
    return found === undefined ? undefined : { state: found.state, version: found.stamp.version };
  }

  application(id: string): ApplicationState | undefined {
    return this.#applications.get(id)?.state;
  }

  limits(applicationId: string): PlanLimits {
    return this.#applications.get(applicationId)?.state?.limits ?? DEFAULT_LIMITS;
  }

  integrations(): Iterable<string> {
    return this.#integrations.keys();
  }

  #integration({ id, applicationId, state }: ConfigChange<'integration'>, stamp: Stamp): Effect | undefined {
    const known = this.#integrations.get(id);
    if (!isNewer(stamp, known?.stamp ?? this.#deleted.get(id))) return undefined;
    if (state === null) {
      this.#integrations.delete(id);
      this.#applications.get(applicationId)?.integrations.delete(id);
      this.#deleted.set(id, stamp);
      if (this.#deleted.size > MAX_DELETED) {
        const [oldest = ''] = this.#deleted.keys();
        this.#deleted.delete(oldest);
      }
      return { kind: 'deleted', id, applicationId, last: known?.state };
    }
    this.#deleted.delete(id);
    this.#integrations.set(id, { state, stamp });
    this.#members(applicationId).add(id);
    return { kind: 'integration', id };
  }

  #application({ id, state }: ConfigChange<'application'>, stamp: Stamp): Effect | undefined {
    const known = this.#applications.get(id);
    if (known !== undefined && !isNewer(stamp, known.stamp)) return undefined;
    const integrations = known?.integrations ?? new Set<string>();
    this.#applications.set(id, { state: state ?? undefined, stamp, integrations });
    return { kind: 'application', id, integrations: [...integrations] };
  }

  #members(applicationId: string): Set<string> {
    let found = this.#applications.get(applicationId);
    if (found === undefined) {
      found = { state: undefined, stamp: { epoch: -1, version: -1 }, integrations: new Set() };
      this.#applications.set(applicationId, found);
    }
    return found.integrations;
  }
}
