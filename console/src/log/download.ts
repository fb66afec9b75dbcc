// The log as it was written, as a file. The key is in a header, so the browser cannot simply follow a link.
import type { Execd } from '../../../src/client/connect.ts';

export async function saveLog(execd: Execd, id: string): Promise<void> {
  const { data } = await execd.api.GET('/v1/executions/{id}/logs', {
    params: { path: { id }, query: { format: 'raw' } },
    parseAs: 'blob',
  });
  if (data instanceof Blob) saveBlob(data, `${id}.log`);
}

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
