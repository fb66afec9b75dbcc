/** The file is no whole export, or the store cannot take it. */
export class NotImported extends Error {}
