/** What would begin another line, move the cursor, or turn the direction of what follows. */
const NO_TEXT = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu;

/** Text of others as one line: each run of characters that are no text is a space. */
export const oneLine = (text: string): string => text.toWellFormed().replaceAll(NO_TEXT, ' ').trim();
