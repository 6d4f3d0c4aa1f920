import { DiscardPolicy, RetentionPolicy, StorageType, type StreamConfig } from '@nats-io/jetstream';
import { type BucketName, BusError } from './types.ts';

/** Limits that an installation chooses; everything else about a stream is fixed here. */
export interface StreamLimits {
  /** Bound of INBOUND and of TRIGGERED, bytes. */
  readonly streamBytes: number;
  readonly replicas: number;
}

const SECOND = 1_000_000_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;
const MIB = 1024 * 1024;

export type Declared = Partial<StreamConfig> & Pick<StreamConfig, 'name' | 'subjects'>;

const COMMON = {
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  max_msgs: -1,
  max_msg_size: -1,
  max_age: 0,
  max_bytes: -1,
  max_msgs_per_subject: -1,
  // Refuse new messages where a bound is reached: what was acknowledged is never dropped for what was not.
  discard: DiscardPolicy.New,
  discard_new_per_subject: false,
  duplicate_window: 2 * MINUTE,
  allow_rollup_hdrs: true,
  allow_msg_ttl: false,
  allow_atomic: false,
  allow_direct: true,
} satisfies Partial<StreamConfig>;

/** Every stream and what bounds it. The fences live in the stream whose writes they guard, outside every purge's filter. */
export function declaredStreams(limits: StreamLimits): readonly Declared[] {
  const streams: Declared[] = [
    // One message per subject: with a limit of 1 a newer one replaces the older even though the stream discards new.
    { ...COMMON, name: 'CONFIG', subjects: ['config.>'], max_msgs_per_subject: 1, allow_msg_ttl: true },
    {
      ...COMMON,
      name: 'INBOUND',
      subjects: ['inbound.>', 'fence.INBOUND.>'],
      max_msgs_per_subject: 10_000,
      discard_new_per_subject: true,
      max_bytes: limits.streamBytes,
      duplicate_window: 10 * MINUTE,
      allow_atomic: true,
    },
    { ...COMMON, name: 'TRIGGERED', subjects: ['triggered.>', 'fence.TRIGGERED.>'], max_bytes: limits.streamBytes },
    {
      ...COMMON,
      name: 'OUTBOUND',
      subjects: ['outbound.>', 'fence.OUTBOUND.>'],
      max_msgs_per_subject: 1_000,
      discard_new_per_subject: true,
      max_bytes: 256 * MIB,
    },
    {
      ...COMMON,
      name: 'ACTIVITY',
      subjects: ['activity.>'],
      max_msgs_per_subject: 100,
      max_age: DAY,
      max_bytes: 256 * MIB,
      discard: DiscardPolicy.Old,
    },
    {
      ...COMMON,
      name: 'DEAD_LETTERS',
      subjects: ['deadletter.>'],
      max_msgs_per_subject: 10_000,
      max_age: 14 * DAY,
      discard: DiscardPolicy.Old,
    },
    ...BUCKETS.map((bucket) => ({
      ...COMMON,
      name: bucketStream(bucket),
      subjects: [bucketSubject(bucket, '>')],
      max_msgs_per_subject: 1,
      allow_msg_ttl: true,
    })),
  ];
  return streams.map((stream) => ({ ...stream, num_replicas: limits.replicas }));
}

const BUCKETS: readonly BucketName[] = ['STATUS', 'LEASES', 'KEYS', 'CHECKPOINTS'];
/** Named as NATS' own key-value buckets are, so its tools read them. */
export const bucketStream = (bucket: BucketName): string => `KV_${bucket}`;
export const bucketSubject = (bucket: BucketName, key: string): string => `$KV.${bucket}.${key}`;

const COMPARED = [
  'retention',
  'storage',
  'max_msgs',
  'max_msg_size',
  'max_age',
  'max_msgs_per_subject',
  'discard',
  'discard_new_per_subject',
  'duplicate_window',
  'allow_rollup_hdrs',
  'allow_msg_ttl',
  'allow_atomic',
  'allow_direct',
] as const satisfies readonly (keyof StreamConfig)[];

/** What of a stream is not as declared, in words; the installation's own limits (bytes, replicas) are its choice. */
export function differences(declared: Declared, actual: StreamConfig): string[] {
  const found: string[] = COMPARED.filter((field) => (actual[field] ?? false) !== declared[field]).map(
    (field) => `${field} is ${String(actual[field])} instead of ${String(declared[field])}`,
  );
  if ([...actual.subjects].sort().join() !== [...declared.subjects].sort().join())
    found.push(`subjects are ${actual.subjects.join(', ')} instead of ${declared.subjects.join(', ')}`);
  if (declared.max_bytes !== -1 && actual.max_bytes <= 0) found.push('max_bytes is unlimited');
  return found;
}

/** The first server with atomic batches and a TTL per message. */
const MINIMUM_SERVER = [2, 12] as const;

/** Throws when the server is too old, naming both versions. */
export function requireServerVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > MINIMUM_SERVER[0] || (major === MINIMUM_SERVER[0] && minor >= MINIMUM_SERVER[1])) return;
  throw new BusError('unavailable', `nats-server ${version} is too old: Sluice needs ${MINIMUM_SERVER.join('.')} or newer`);
}
