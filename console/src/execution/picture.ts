// A picture that a command has printed as base64, or as a data URL. Only formats that run nothing.
const DATA_URL = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]+$/;
/** How the base64 of each format begins. */
const BEGINNINGS: Record<string, string> = {
  iVBORw0KGgo: 'png',
  '/9j/': 'jpeg',
  R0lGOD: 'gif',
  UklGR: 'webp',
};

/** Its data URL; null where the text is no picture. */
export function pictureIn(text: string): string | null {
  const trimmed = text.trim();
  if (DATA_URL.test(trimmed)) return trimmed;
  if (!/^[A-Za-z0-9+/=\s]+$/.test(trimmed)) return null;
  const beginning = Object.keys(BEGINNINGS).find((one) => trimmed.startsWith(one));
  return beginning === undefined
    ? null
    : `data:image/${BEGINNINGS[beginning]};base64,${trimmed.replaceAll(/\s/g, '')}`;
}
