import { isUtf8 } from 'node:buffer';
import type { Message, MessageAttributeValue, SendMessageCommandInput } from '@aws-sdk/client-sqs';
import { ConnectorError, type ReceivedMessage, type SendMessage } from '#lib/connector-sdk';
import { formatPath, issuesOf } from '#lib/contracts';
import { SqsSend } from './config.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** A message as the runtime takes it. Its text is what SQS carries: UTF-8 without exception. */
export function receivedMessage(message: Message, queueUrl: string): ReceivedMessage {
  const systemAttributes = message.Attributes ?? {};
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, attribute]) => [name, readAttribute(attribute)] as const);
  return {
    body: Buffer.from(message.Body ?? '', 'utf8'),
    attributes: {
      messageId: message.MessageId,
      messageAttributes: Object.fromEntries(attributes),
      systemAttributes,
      queueUrl,
    },
    ...(message.MessageId === undefined ? {} : { providerId: message.MessageId }),
    redelivered: Number(systemAttributes.ApproximateReceiveCount ?? 1) > 1,
  };
}

function readAttribute({ DataType = 'String', StringValue = '', BinaryValue }: MessageAttributeValue): {
  value: string | number;
  dataType: string;
} {
  if (BinaryValue !== undefined) return { value: base64(BinaryValue), dataType: DataType };
  const number = /^Number(\.|$)/.test(DataType) ? Number(StringValue) : Number.NaN;
  // SQS takes numbers that no double holds: they stay text.
  return { value: Number.isFinite(number) && StringValue.trim() !== '' ? number : StringValue, dataType: DataType };
}

/** What SQS is asked to send. Throws ConnectorError `refused`. */
export function sendInput({ payload, options }: SendMessage): Omit<SendMessageCommandInput, 'QueueUrl'> {
  const parsed = SqsSend.safeParse(options);
  if (!parsed.success) {
    const [issue] = issuesOf(parsed.error, []);
    throw new ConnectorError('refused', `${formatPath(issue?.path ?? ['options'])} ${issue?.message ?? 'is invalid'}`);
  }
  if (payload.byteLength === 0) throw new ConnectorError('refused', 'SQS takes no empty message.');
  if (!isUtf8(payload)) throw new ConnectorError('refused', 'SQS carries text only: encode the message, as base64.');
  const { attributes, messageGroupId, messageDeduplicationId } = parsed.data;
  return {
    MessageBody: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8'),
    ...(attributes === undefined
      ? {}
      : { MessageAttributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, writeAttribute(value)])) }),
    ...(messageGroupId === undefined ? {} : { MessageGroupId: messageGroupId }),
    ...(messageDeduplicationId === undefined ? {} : { MessageDeduplicationId: messageDeduplicationId }),
  };
}

const writeAttribute = ({ value, dataType }: { value: string | number; dataType: string }): MessageAttributeValue =>
  dataType.startsWith('Binary')
    ? { DataType: dataType, BinaryValue: Buffer.from(String(value), 'base64') }
    : { DataType: dataType, StringValue: String(value) };
