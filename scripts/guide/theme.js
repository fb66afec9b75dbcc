// The default theme without its fonts: the page uses those of the system. Copied beside the pages as .vitepress/theme/index.js.
import theme from 'vitepress/theme-without-fonts';
import './style.css';

export default theme;
