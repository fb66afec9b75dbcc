// Whether anybody looks. A browser has six connections to a server for all of its tabs together: a tab that nobody sees holds
// none open.
const HIDDEN_MS = 5000;

/** Tells when the page has been hidden for a while, and when it is seen again. */
export function watchVisibility(onChange: (isVisible: boolean) => void): () => void {
  let timer: number | undefined;
  let isVisible = true;
  const tell = (now: boolean) => {
    if (now !== isVisible) onChange((isVisible = now));
  };
  const look = () => {
    window.clearTimeout(timer);
    if (document.visibilityState === 'visible') tell(true);
    else timer = window.setTimeout(() => tell(false), HIDDEN_MS);
  };
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    window.clearTimeout(timer);
    document.removeEventListener('visibilitychange', look);
  };
}
